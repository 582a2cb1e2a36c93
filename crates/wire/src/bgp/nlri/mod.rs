//! Network Layer Reachability Information.
