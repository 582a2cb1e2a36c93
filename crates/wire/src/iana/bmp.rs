//! IANA "BGP Monitoring Protocol (BMP) Parameters": RFC 7854 §10, RFC 8671 §6, RFC 9069 §7, RFC 9736 §4, RFC 9972.
//!
//! RFC 9515 changes who may register a number, but not the meaning of a number.

use super::registry::registry;

registry! {
    /// "BMP Message Types".
    MessageType: u8 {
        RouteMonitoring = 0 "route_monitoring",
        StatisticsReport = 1 "stats_report",
        PeerDown = 2 "peer_down",
        PeerUp = 3 "peer_up",
        Initiation = 4 "initiation",
        Termination = 5 "termination",
        RouteMirroring = 6 "route_mirroring",
    }
}

registry! {
    /// "BMP Peer Types".
    PeerType: u8 {
        Global = 0 "global",
        RdInstance = 1 "rd-instance",
        LocalInstance = 2 "local-instance",
        LocRib = 3 "loc-rib",
    }
}

registry! {
    /// "BMP Peer Down Reason Codes".
    PeerDownReason: u8 {
        LocalNotification = 1 "local_notification",
        LocalNoNotification = 2 "local_no_notification",
        RemoteNotification = 3 "remote_notification",
        RemoteNoNotification = 4 "remote_no_notification",
        PeerDeconfigured = 5 "peer_deconfigured",
        LocalSystemClosed = 6 "local_system_closed",
    }
}

registry! {
    /// "BMP Initiation Information TLVs".
    InitiationTlv: u16 {
        String = 0 "string",
        SysDescr = 1 "sys_descr",
        SysName = 2 "sys_name",
    }
}

registry! {
    /// "BMP Termination Message TLVs".
    TerminationTlv: u16 {
        String = 0 "string",
        Reason = 1 "reason",
    }
}

registry! {
    /// "BMP Termination Message Reason Codes".
    TerminationReason: u16 {
        AdministrativelyClosed = 0 "administratively_closed",
        Unspecified = 1 "unspecified",
        OutOfResources = 2 "out_of_resources",
        RedundantConnection = 3 "redundant_connection",
        PermanentlyAdministrativelyClosed = 4 "permanently_administratively_closed",
    }
}

registry! {
    /// "BMP Peer Up Message TLVs" (RFC 9736 §3.3). A Peer Down with reason 6 uses number 3 too (RFC 9069 §5.3).
    PeerUpTlv: u16 {
        String = 0 "string",
        TableName = 3 "table_name",
        AdminLabel = 4 "admin_label",
    }
}

registry! {
    /// "BMP Route Mirroring TLVs".
    RouteMirroringTlv: u16 {
        BgpMessage = 0 "bgp_message",
        Information = 1 "information",
    }
}

registry! {
    /// "BMP Route Mirroring Information Codes".
    MirroringInformation: u16 {
        ErroredPdu = 0 "errored_pdu",
        MessagesLost = 1 "messages_lost",
    }
}

registry! {
    /// "BMP Statistics Types" (RFC 7854 §4.8; 14 to 17 RFC 8671 §6.2; from 18: RFC 9972 §3).
    StatisticsType: u16 {
        PrefixesRejected = 0 "prefixes_rejected_by_inbound_policy",
        DuplicateAdvertisements = 1 "duplicate_prefix_advertisements",
        DuplicateWithdraws = 2 "duplicate_withdraws",
        ClusterListLoop = 3 "updates_invalidated_cluster_list_loop",
        AsPathLoop = 4 "updates_invalidated_as_path_loop",
        OriginatorId = 5 "updates_invalidated_originator_id",
        AsConfederationLoop = 6 "updates_invalidated_as_confed_loop",
        AdjRibIn = 7 "routes_adj_rib_in",
        LocRib = 8 "routes_loc_rib",
        AdjRibInFamily = 9 "routes_adj_rib_in_per_family",
        LocRibFamily = 10 "routes_loc_rib_per_family",
        UpdatesTreatAsWithdraw = 11 "updates_treat_as_withdraw",
        PrefixesTreatAsWithdraw = 12 "prefixes_treat_as_withdraw",
        DuplicateUpdates = 13 "duplicate_updates",
        AdjRibOutPre = 14 "routes_adj_rib_out_pre",
        AdjRibOutPost = 15 "routes_adj_rib_out_post",
        AdjRibOutPreFamily = 16 "routes_adj_rib_out_pre_per_family",
        AdjRibOutPostFamily = 17 "routes_adj_rib_out_post_per_family",
        AdjRibInPre = 18 "routes_adj_rib_in_pre",
        AdjRibInPreFamily = 19 "routes_adj_rib_in_pre_per_family",
        AdjRibInPost = 20 "routes_adj_rib_in_post",
        AdjRibInPostFamily = 21 "routes_adj_rib_in_post_per_family",
        AdjRibInPreRejected = 22 "routes_adj_rib_in_pre_rejected_per_family",
        AdjRibInPostAccepted = 23 "routes_adj_rib_in_post_accepted_per_family",
        Damped = 26 "routes_suppressed_by_damping_per_family",
        StaleGracefulRestart = 27 "routes_stale_graceful_restart_per_family",
        StaleLongLived = 28 "routes_stale_long_lived_per_family",
        LeftBeforeThreshold = 29 "routes_left_before_threshold",
        LeftBeforeThresholdFamily = 30 "routes_left_before_threshold_per_family",
        LeftBeforeLicence = 31 "routes_left_before_license_threshold",
        LeftBeforeLicenceFamily = 32 "routes_left_before_license_threshold_per_family",
        AdjRibInAsPathTooLong = 33 "routes_adj_rib_in_pre_rejected_as_path_length",
        AdjRibInAsPathTooLongFamily = 34 "routes_adj_rib_in_pre_rejected_as_path_length_per_family",
        AdjRibInRpkiInvalid = 35 "routes_adj_rib_in_post_rpki_invalid_per_family",
        AdjRibInRpkiValid = 36 "routes_adj_rib_in_post_rpki_valid_per_family",
        AdjRibInRpkiNotFound = 37 "routes_adj_rib_in_post_rpki_not_found_per_family",
        AdjRibOutPreRejected = 38 "routes_adj_rib_out_pre_rejected_per_family",
        AdjRibOutAsPathTooLong = 39 "routes_adj_rib_out_pre_filtered_as_path_length",
        AdjRibOutAsPathTooLongFamily = 40 "routes_adj_rib_out_pre_filtered_as_path_length_per_family",
        AdjRibOutRpkiInvalid = 41 "routes_adj_rib_out_post_rpki_invalid_per_family",
        AdjRibOutRpkiValid = 42 "routes_adj_rib_out_post_rpki_valid_per_family",
        AdjRibOutRpkiNotFound = 43 "routes_adj_rib_out_post_rpki_not_found_per_family",
    }
}
