//! IANA "Border Gateway Protocol (BGP) Parameters": message types, error codes and capability codes.

use super::registry::registry;

registry! {
    /// "BGP Message Types".
    MessageType: u8 {
        Open = 1 "open",
        Update = 2 "update",
        Notification = 3 "notification",
        Keepalive = 4 "keepalive",
        RouteRefresh = 5 "route_refresh",
    }
}

registry! {
    /// "BGP Error (Notification) Codes".
    ErrorCode: u8 {
        MessageHeader = 1 "message_header_error",
        OpenMessage = 2 "open_message_error",
        UpdateMessage = 3 "update_message_error",
        HoldTimerExpired = 4 "hold_timer_expired",
        FiniteStateMachine = 5 "finite_state_machine_error",
        Cease = 6 "cease",
        RouteRefreshMessage = 7 "route_refresh_message_error",
        SendHoldTimerExpired = 8 "send_hold_timer_expired",
    }
}

registry! {
    /// "BGP Cease NOTIFICATION message subcodes".
    CeaseSubcode: u8 {
        MaximumPrefixes = 1 "maximum_number_of_prefixes_reached",
        AdministrativeShutdown = 2 "administrative_shutdown",
        PeerDeconfigured = 3 "peer_deconfigured",
        AdministrativeReset = 4 "administrative_reset",
        ConnectionRejected = 5 "connection_rejected",
        OtherConfigurationChange = 6 "other_configuration_change",
        ConnectionCollision = 7 "connection_collision_resolution",
        OutOfResources = 8 "out_of_resources",
        HardReset = 9 "hard_reset",
        BfdDown = 10 "bfd_down",
    }
}

registry! {
    /// "Capability Codes": only the codes whose value this crate reads.
    CapabilityCode: u8 {
        MultiProtocol = 1 "multi_protocol",
        RouteRefresh = 2 "route_refresh",
        ExtendedNextHop = 5 "extended_next_hop",
        ExtendedMessage = 6 "extended_message",
        Role = 9 "role",
        GracefulRestart = 64 "graceful_restart",
        FourOctetAs = 65 "four_octet_as",
        AddPath = 69 "add_path",
        EnhancedRouteRefresh = 70 "enhanced_route_refresh",
        LongLivedGracefulRestart = 71 "long_lived_graceful_restart",
        Fqdn = 73 "fqdn",
    }
}
