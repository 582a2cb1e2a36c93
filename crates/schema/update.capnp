# What Arancini publishes. Addresses are 16 bytes, IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d), unless a field says otherwise.
# Fields are only ever appended; docs/schema.md explains each.
@0xbe3d5b52630beea0;

# Rises when a struct gains fields. Older readers are never broken by it.
const schemaVersion :UInt16 = 5;

# ---------------------------------------------------------------- updates.<router>.<peer asn>.<afi_safi>

struct Community {
  asn @0 :UInt32;
  value @1 :UInt16;
}

struct ExtendedCommunity {
  typeHigh @0 :UInt8;
  typeLow @1 :UInt8;
  value @2 :Data;                       # 6 bytes
}

struct LargeCommunity {
  globalAdmin @0 :UInt32;
  localDataPart1 @1 :UInt32;
  localDataPart2 @2 :UInt32;
}

enum RibView {
  adjRibInPre @0;
  adjRibInPost @1;
  adjRibOutPre @2;
  adjRibOutPost @3;
  locRib @4;
}

enum WithdrawReason {
  none @0;                              # not a withdraw
  explicit @1;                          # the router withdrew it
  peerDown @2;                          # the peer went down
  sessionLost @3;                       # the router's session ended and did not come back in time
  notReannounced @4;                    # the router came back and no longer has it
  treatAsWithdraw @5;                   # announced with attributes so malformed that RFC 7606 makes it a withdraw
}

enum SegmentKind {
  unknown @0;
  asSet @1;                             # the numbers of RFC 4271 and RFC 5065
  asSequence @2;
  confedSequence @3;
  confedSet @4;
}

struct AsPathSegment {
  kind @0 :SegmentKind;
  asns @1 :List(UInt32);
}

struct RawAttribute {
  flags @0 :UInt8;
  typeCode @1 :UInt8;
  value @2 :Data;
}

struct Update {
  # These 31 keep ordinal, name and type for ever.
  timeReceivedNs @0 :UInt64;
  timeBmpHeaderNs @1 :UInt64;
  routerAddr @2 :Data;
  routerPort @3 :UInt16;
  peerAddr @4 :Data;
  peerBgpId @5 :UInt32;
  peerAsn @6 :UInt32;
  prefixAddr @7 :Data;
  prefixLen @8 :UInt8;
  isPostPolicy @9 :Bool;
  isAdjRibOut @10 :Bool;
  announced @11 :Bool;
  synthetic @12 :Bool;
  origin @13 :Text;
  asPath @14 :List(UInt32);             # all segments, flattened
  nextHop @15 :Data;
  multiExitDisc @16 :UInt32;
  localPreference @17 :UInt32;
  onlyToCustomer @18 :UInt32;
  atomicAggregate @19 :Bool;
  aggregatorAsn @20 :UInt32;
  aggregatorBgpId @21 :UInt32;
  communities @22 :List(Community);
  extendedCommunities @23 :List(ExtendedCommunity);
  largeCommunities @24 :List(LargeCommunity);
  originatorId @25 :UInt32;
  clusterList @26 :List(UInt32);
  mpReachAfi @27 :UInt16;
  mpReachSafi @28 :UInt8;
  mpUnreachAfi @29 :UInt16;
  mpUnreachSafi @30 :UInt8;

  # Ours.
  labels @31 :List(UInt32);             # 20-bit label values, top first
  rawNlri @32 :Data;                    # the NLRI as on the wire, where its family has no prefix
  asPathSegments @33 :List(AsPathSegment);  # only where the path is more than one AS_SEQUENCE
  unknownAttributes @34 :List(RawAttribute);  # every attribute without a field of its own
  tableName @35 :Text;                  # VRF / table name of the peer
  linkLocalNextHop @36 :Data;           # where the next hop has two addresses
  afi @37 :UInt16;
  ribView @38 :RibView;
  withdrawReason @39 :WithdrawReason;
  sequence @40 :UInt64;                 # rises by at least one per message of a router
  attributeFingerprint @41 :UInt64;
  peerDistinguisher @42 :UInt64;        # big-endian value of its 8 bytes
  routeDistinguisher @43 :UInt64;       # big-endian value of its 8 bytes
  pathId @44 :UInt32;
  safi @45 :UInt8;
  peerType @46 :UInt8;
  hasOrigin @47 :Bool;
  hasNextHop @48 :Bool;
  hasMultiExitDisc @49 :Bool;
  hasLocalPreference @50 :Bool;
  hasOnlyToCustomer @51 :Bool;
  hasAggregator @52 :Bool;
  hasOriginatorId @53 :Bool;
  hasPathId @54 :Bool;
  hasRouteDistinguisher @55 :Bool;
}

# ---------------------------------------------------------------- shared by the events

struct Family {
  afi @0 :UInt16;
  safi @1 :UInt8;
}

struct InformationTlv {
  type @0 :UInt16;
  value @1 :Data;
}

struct PeerIdentity {
  address @0 :Data;
  asn @1 :UInt32;
  bgpId @2 :UInt32;
  type @3 :UInt8;
  distinguisher @4 :UInt64;
  ribView @5 :RibView;
}

# ---------------------------------------------------------------- peers.<router>.<peer asn>

enum PeerEventKind {
  up @0;
  down @1;
}

struct PeerEvent {
  kind @0 :PeerEventKind;
  sequence @1 :UInt64;
  timeReceivedNs @2 :UInt64;
  timeBmpHeaderNs @3 :UInt64;
  routerAddr @4 :Data;
  routerPort @5 :UInt16;
  peer @6 :PeerIdentity;
  provisional @7 :Bool;                 # made from its routes: the router never sent a Peer Up
  localAddr @8 :Data;
  localPort @9 :UInt16;
  remotePort @10 :UInt16;
  sentOpen @11 :Data;                   # whole BGP messages
  receivedOpen @12 :Data;
  fourOctetAsn @13 :Bool;
  addPath @14 :List(Family);            # families whose NLRI carries path identifiers in this view
  tableName @15 :Text;
  information @16 :List(InformationTlv);
  downReason @17 :UInt8;                # RFC 7854 §4.9; 0 on up
  downData @18 :Data;                   # NOTIFICATION, FSM event code or TLVs, as on the wire
  informationLength @19 :UInt32;        # octets of all TLVs the router sent; 0 if `information` has all of them
  downDataLength @20 :UInt32;           # octets the router sent; 0 if `downData` has all of them
}

# ---------------------------------------------------------------- routers.<router>

enum RouterEventKind {
  sessionOpened @0;
  initiation @1;
  lost @2;
  stale @3;
  back @4;
  terminated @5;
  resyncBegin @6;
  resyncEnd @7;
}

struct RouterEvent {
  kind @0 :RouterEventKind;
  sequence @1 :UInt64;
  timeReceivedNs @2 :UInt64;
  routerAddr @3 :Data;
  routerPort @4 :UInt16;
  sysName @5 :Text;
  sysDescr @6 :Text;
  reason @7 :Text;
  information @8 :List(InformationTlv); # Initiation and Termination TLVs without a field of their own
  peer @9 :PeerIdentity;                # resync only: absent means all peers
  hasFamily @10 :Bool;                  # resync only: false means all families
  family @11 :Family;
  informationLength @12 :UInt32;        # octets of all TLVs the router sent; 0 if `information` has all of them
  routerName @13 :Text;                 # from the settings of the collector; empty if they name none
  allWithdrawn @14 :Bool;               # resync only: every route of it that consumers may hold and that is gone is withdrawn before its end
}

# ---------------------------------------------------------------- stats.<router>.<peer asn>

struct StatisticsCounter {
  type @0 :UInt16;
  name @1 :Text;                        # empty for types we do not know
  value @2 :UInt64;
  hasFamily @3 :Bool;
  afi @4 :UInt16;
  safi @5 :UInt8;
  raw @6 :Data;                         # the value as on the wire
}

struct StatisticsEvent {
  sequence @0 :UInt64;
  timeReceivedNs @1 :UInt64;
  timeBmpHeaderNs @2 :UInt64;
  routerAddr @3 :Data;
  routerPort @4 :UInt16;
  peer @5 :PeerIdentity;
  counters @6 :List(StatisticsCounter);
  counterCount @7 :UInt32;              # how many counters the router sent; 0 if `counters` has all of them
}

# ---------------------------------------------------------------- malformed.<router>

struct MalformedMessage {
  sequence @0 :UInt64;
  timeReceivedNs @1 :UInt64;
  timeBmpHeaderNs @2 :UInt64;
  routerAddr @3 :Data;
  routerPort @4 :UInt16;
  peer @5 :PeerIdentity;                # absent where the message has no readable per-peer header
  reason @6 :Text;
  offset @7 :UInt32;                    # of the damage, from the first byte of `raw`
  raw @8 :Data;                         # the whole BMP message, or its first 65,536 octets
  rawLength @9 :UInt32;                 # octets of the whole message; 0 if `raw` has all of them
}
