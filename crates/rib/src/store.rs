//! The store of a [`CuratedTable`](crate::CuratedTable): a table for each shape of key, and how keys become stored bytes.

use crate::batch::KEYS;
use crate::key::{KeyBytes, RouteKey, part};
use crate::opaque::OpaqueTable;
use crate::table::Table;

/// The table of a [`CuratedTable`](crate::CuratedTable), by the shape of its keys.
pub enum Store {
    Ipv4(Table<5>),
    Ipv4Path(Table<9>),
    Ipv6(Table<17>),
    Ipv6Path(Table<21>),
    /// VPN keys always have room for a path identifier, which is zero if the table has none.
    Vpn4(Table<17>),
    Vpn6(Table<29>),
    Opaque(OpaqueTable),
}

/// A key as the bytes that a [`CuratedTable`](crate::CuratedTable) stores.
///
/// | bytes | shape | layout |
/// |---|---|---|
/// | 5 | IPv4 without path identifiers | address (4), prefix length (1) |
/// | 9 | IPv4 with path identifiers | address (4), prefix length (1), path identifier (4) |
/// | 17 | IPv6 without path identifiers | address (16), prefix length (1) |
/// | 21 | IPv6 with path identifiers | address (16), prefix length (1), path identifier (4) |
/// | 17 | IPv4 VPN | address (4), prefix length (1), path identifier or 0 (4), distinguisher (8) |
/// | 29 | IPv6 VPN | address (16), prefix length (1), path identifier or 0 (4), distinguisher (8) |
///
/// Numbers are in network byte order, and the host bits of an address are zero. The trait is for this crate to implement.
pub trait StoredKey<const N: usize>: Sized {
    /// The stored bytes of a key, or `None` for a key of another shape.
    fn of(key: &RouteKey<'_>) -> Option<Self>;

    /// The table of a store, if its keys have `N` bytes.
    fn table(store: &Store) -> Option<&Table<N>>;

    /// The table of a store, if its keys have `N` bytes.
    fn table_mut(store: &mut Store) -> Option<&mut Table<N>>;
}

/// Implements [`StoredKey`] for keys of so many bytes: the stores that have them, and the bytes of a key.
macro_rules! stored_key {
    ($length:literal: $($shape:ident)|+, $($key:pat => $bytes:expr),+) => {
        impl StoredKey<$length> for [u8; $length] {
            #[inline]
            fn of(key: &RouteKey<'_>) -> Option<Self> {
                match *key {
                    $($key => Some($bytes),)+
                    _ => None,
                }
            }

            #[inline]
            fn table(store: &Store) -> Option<&Table<$length>> {
                match store {
                    $(Store::$shape(table))|+ => Some(table),
                    _ => of_another_length($length),
                }
            }

            #[inline]
            fn table_mut(store: &mut Store) -> Option<&mut Table<$length>> {
                match store {
                    $(Store::$shape(table))|+ => Some(table),
                    _ => of_another_length($length),
                }
            }
        }
    };
}

stored_key!(5: Ipv4, RouteKey::Ipv4 { address, length, .. } => ipv4_bytes(address, length));
stored_key!(9: Ipv4Path, RouteKey::Ipv4 { address, length, path_id } => ipv4_path_bytes(address, length, path_id));
stored_key!(17: Ipv6 | Vpn4,
    RouteKey::Ipv6 { address, length, .. } => ipv6_bytes(address, length),
    RouteKey::Vpn4 { distinguisher, address, length, path_id } => vpn4_bytes(distinguisher, address, length, path_id));
stored_key!(21: Ipv6Path, RouteKey::Ipv6 { address, length, path_id } => ipv6_path_bytes(address, length, path_id));
stored_key!(29: Vpn6, RouteKey::Vpn6 { distinguisher, address, length, path_id } => vpn6_bytes(distinguisher, address, length, path_id));

/// Handles stored keys of a length that the store does not have. Never happens: the caller knows the shape of its table.
#[cold]
fn of_another_length<T>(length: usize) -> Option<T> {
    debug_assert!(false, "keys of {length} bytes in a table of another shape");
    None
}

/// Runs an expression on the table of the store, with the key as the bytes that this table stores.
macro_rules! with_key {
    ($store:expr, $key:expr, |$table:ident, $bytes:ident| $fixed:expr, |$opaque:ident, $identity:ident, $nlri:ident, $path:ident| $other:expr, $mismatch:expr) => {{
        use $crate::key::RouteKey;
        use $crate::store::{
            Store, ipv4_bytes, ipv4_path_bytes, ipv6_bytes, ipv6_path_bytes, of_another_shape, vpn4_bytes,
            vpn6_bytes,
        };
        match ($store, $key) {
            (Store::Ipv4($table), &RouteKey::Ipv4 { address, length, .. }) => {
                let $bytes = &ipv4_bytes(address, length);
                $fixed
            }
            (
                Store::Ipv4Path($table),
                &RouteKey::Ipv4 {
                    address,
                    length,
                    path_id,
                },
            ) => {
                let $bytes = &ipv4_path_bytes(address, length, path_id);
                $fixed
            }
            (Store::Ipv6($table), &RouteKey::Ipv6 { address, length, .. }) => {
                let $bytes = &ipv6_bytes(address, length);
                $fixed
            }
            (
                Store::Ipv6Path($table),
                &RouteKey::Ipv6 {
                    address,
                    length,
                    path_id,
                },
            ) => {
                let $bytes = &ipv6_path_bytes(address, length, path_id);
                $fixed
            }
            (
                Store::Vpn4($table),
                &RouteKey::Vpn4 {
                    distinguisher,
                    address,
                    length,
                    path_id,
                },
            ) => {
                let $bytes = &vpn4_bytes(distinguisher, address, length, path_id);
                $fixed
            }
            (
                Store::Vpn6($table),
                &RouteKey::Vpn6 {
                    distinguisher,
                    address,
                    length,
                    path_id,
                },
            ) => {
                let $bytes = &vpn6_bytes(distinguisher, address, length, path_id);
                $fixed
            }
            (
                Store::Opaque($opaque),
                &RouteKey::Opaque {
                    identity: $identity,
                    nlri: $nlri,
                    path_id: $path,
                },
            ) => $other,
            (_, key) => of_another_shape(key).unwrap_or($mismatch),
        }
    }};
}

/// Runs an expression for each batch of many keys, with the table of the store, the stored keys and a function that makes a
/// key of stored bytes. On a store of opaque routes, runs another expression for each key.
macro_rules! each_batch {
    ($store:expr, $keys:expr, $has_path_ids:expr, |$table:ident, $batch:ident, $key:ident| $fixed:expr, |$any:ident| $other:expr) => {{
        use $crate::store::{Store, in_batches, ipv4_key, ipv6_key, vpn4_key, vpn6_key};
        let path = |bytes: [u8; 4]| $has_path_ids.then(|| u32::from_be_bytes(bytes));
        match $store {
            Store::Ipv4($table) => {
                let $key = |bytes: &[u8; 5]| ipv4_key(bytes, None);
                in_batches($keys, |$batch: &[[u8; 5]]| $fixed);
            }
            Store::Ipv4Path($table) => {
                let $key = |bytes: &[u8; 9]| ipv4_key(bytes, path(part(bytes, 5)));
                in_batches($keys, |$batch: &[[u8; 9]]| $fixed);
            }
            Store::Ipv6($table) => {
                let $key = |bytes: &[u8; 17]| ipv6_key(bytes, None);
                in_batches($keys, |$batch: &[[u8; 17]]| $fixed);
            }
            Store::Ipv6Path($table) => {
                let $key = |bytes: &[u8; 21]| ipv6_key(bytes, path(part(bytes, 17)));
                in_batches($keys, |$batch: &[[u8; 21]]| $fixed);
            }
            Store::Vpn4($table) => {
                let $key = |bytes: &[u8; 17]| vpn4_key(bytes, path(part(bytes, 5)));
                in_batches($keys, |$batch: &[[u8; 17]]| $fixed);
            }
            Store::Vpn6($table) => {
                let $key = |bytes: &[u8; 29]| vpn6_key(bytes, path(part(bytes, 17)));
                in_batches($keys, |$batch: &[[u8; 29]]| $fixed);
            }
            Store::Opaque(_) => {
                for $any in $keys {
                    $other;
                }
            }
        }
    }};
}

/// Stores keys as bytes and hands them out in batches of at most [`KEYS`].
#[inline]
pub(crate) fn in_batches<const N: usize>(
    mut keys: impl Iterator<Item = RouteKey<'static>>,
    mut each: impl FnMut(&[[u8; N]]),
) where
    [u8; N]: StoredKey<N>,
{
    let mut batch = [[0; N]; KEYS];
    loop {
        let mut length = 0;
        for (place, key) in batch.iter_mut().zip(&mut keys) {
            let Some(bytes) = StoredKey::of(&key).or_else(|| of_another_shape(&key)) else {
                continue;
            };
            *place = bytes;
            length += 1;
        }
        each(&batch[..length]);
        if length < KEYS {
            return;
        }
    }
}

pub(crate) use {each_batch, with_key};

/// Handles a key in a store of another shape. Never happens: the caller has a table for each shape.
#[cold]
pub(crate) fn of_another_shape<T>(key: &RouteKey<'_>) -> Option<T> {
    debug_assert!(false, "a {:?} key in a table of another shape", key.shape());
    None
}

#[inline]
pub(crate) fn ipv4_bytes(address: u32, length: u8) -> [u8; 5] {
    KeyBytes::<5>::new()
        .push(address.to_be_bytes())
        .push([length])
        .finish()
}

#[inline]
pub(crate) fn ipv4_path_bytes(address: u32, length: u8, path_id: Option<u32>) -> [u8; 9] {
    KeyBytes::<9>::new()
        .push(ipv4_bytes(address, length))
        .push(path_id.unwrap_or(0).to_be_bytes())
        .finish()
}

#[inline]
pub(crate) fn ipv6_path_bytes(address: u128, length: u8, path_id: Option<u32>) -> [u8; 21] {
    KeyBytes::<21>::new()
        .push(ipv6_bytes(address, length))
        .push(path_id.unwrap_or(0).to_be_bytes())
        .finish()
}

#[inline]
pub(crate) fn ipv6_bytes(address: u128, length: u8) -> [u8; 17] {
    KeyBytes::<17>::new()
        .push(address.to_be_bytes())
        .push([length])
        .finish()
}

#[inline]
pub(crate) fn vpn4_bytes(distinguisher: [u8; 8], address: u32, length: u8, path_id: Option<u32>) -> [u8; 17] {
    KeyBytes::<17>::new()
        .push(ipv4_path_bytes(address, length, path_id))
        .push(distinguisher)
        .finish()
}

#[inline]
pub(crate) fn vpn6_bytes(
    distinguisher: [u8; 8],
    address: u128,
    length: u8,
    path_id: Option<u32>,
) -> [u8; 29] {
    KeyBytes::<29>::new()
        .push(ipv6_path_bytes(address, length, path_id))
        .push(distinguisher)
        .finish()
}

#[inline]
pub(crate) fn ipv4_key(key: &[u8], path_id: Option<u32>) -> RouteKey<'static> {
    RouteKey::Ipv4 {
        address: u32::from_be_bytes(part(key, 0)),
        length: key[4],
        path_id,
    }
}

#[inline]
pub(crate) fn ipv6_key(key: &[u8], path_id: Option<u32>) -> RouteKey<'static> {
    RouteKey::Ipv6 {
        address: u128::from_be_bytes(part(key, 0)),
        length: key[16],
        path_id,
    }
}

pub(crate) fn vpn4_key(key: &[u8], path_id: Option<u32>) -> RouteKey<'static> {
    RouteKey::Vpn4 {
        distinguisher: part(key, 9),
        address: u32::from_be_bytes(part(key, 0)),
        length: key[4],
        path_id,
    }
}

pub(crate) fn vpn6_key(key: &[u8], path_id: Option<u32>) -> RouteKey<'static> {
    RouteKey::Vpn6 {
        distinguisher: part(key, 21),
        address: u128::from_be_bytes(part(key, 0)),
        length: key[16],
        path_id,
    }
}
