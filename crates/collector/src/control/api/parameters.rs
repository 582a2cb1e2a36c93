//! The parameters of a request, and the selection that they make.

use std::net::IpAddr;

use arancini_core::ask::{AttributeFilter, CommunityFilter, Match, Prefix, PrefixError, Selector};
use arancini_wire::bgp::nlri::{NlriShape, shape};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use super::number::number;
use super::peer_key::read_peer;
use super::problem::Problem;

/// Entries of a page without `limit`.
const USUAL_LIMIT: usize = 100;
/// Most entries of a page.
pub(super) const MOST_LIMIT: usize = 1000;

/// The query of a request as axum reads it.
pub(super) type RawQuery = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The parameters behind the `?` of a request.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes the query of a request. It may only have parameters of these names, each once.
    pub fn read(query: RawQuery, known: &[&'static str]) -> Result<Self, Problem> {
        let Query(pairs) = query.map_err(|_| {
            Problem::invalid(
                "query",
                "the query can't be read",
                "write name=value pairs joined by &, with special characters percent-encoded",
            )
        })?;
        for (place, (name, _)) in pairs.iter().enumerate() {
            let Some(&known_name) = known.iter().find(|known| *known == name) else {
                return Err(Problem::invalid(
                    "query",
                    format!("there is no parameter {name:?} here"),
                    match known {
                        [] => "leave it out: this resource has no parameters".to_owned(),
                        _ => format!("the parameters here are {}", known.join(", ")),
                    },
                ));
            };
            if pairs[..place].iter().any(|(before, _)| before == name) {
                return Err(Problem::invalid(
                    known_name,
                    "the parameter is there twice",
                    "write it once",
                ));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The routers, peers and tables that `router`, `peer`, `view` and `family` select.
    pub fn selector(&self) -> Result<Selector, Problem> {
        Ok(Selector {
            router: self
                .get("router")
                .map(|text| read_router("router", text))
                .transpose()?,
            peer: self.get("peer").map(|text| read_peer("peer", text)).transpose()?,
            view: self.get("view").map(read_view).transpose()?,
            family: self.get("family").map(read_family).transpose()?,
        })
    }

    /// Most entries of the page.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else {
            return Ok(USUAL_LIMIT);
        };
        let limit = number(text).filter(|limit| (1..=MOST_LIMIT).contains(limit));
        limit.ok_or_else(|| {
            Problem::invalid(
                "limit",
                format!("{text:?} is no number of entries"),
                format!("write a number from 1 to {MOST_LIMIT}"),
            )
        })
    }

    /// How routes have to agree with the prefix.
    pub fn matching(&self) -> Result<Match, Problem> {
        match self.get("match").unwrap_or("exact") {
            "exact" => Ok(Match::Exact),
            "longest" => Ok(Match::Longest),
            "covering" => Ok(Match::Covering),
            "covered" => Ok(Match::Covered),
            other => Err(Problem::invalid(
                "match",
                format!("there is no match {other:?}"),
                "write exact, longest, covering or covered",
            )),
        }
    }

    /// The attributes that `origin_as`, `as`, `community` and `next_hop` select.
    pub fn attributes(&self) -> Result<AttributeFilter, Problem> {
        let asn = |name: &'static str| self.get(name).map(|text| read_asn(name, text)).transpose();
        Ok(AttributeFilter {
            origin_as: asn("origin_as")?,
            path_as: asn("as")?,
            community: self.get("community").map(read_community).transpose()?,
            next_hop: self.get("next_hop").map(read_next_hop).transpose()?,
        })
    }

    /// The parameters that choose what is answered, in one text: a cursor belongs to them.
    pub fn choice(&self) -> String {
        let mut pairs: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| name != "cursor" && name != "limit")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.sort();
        pairs.join("&")
    }
}

/// Reads the address of a router.
pub(super) fn read_router(field: &'static str, text: &str) -> Result<IpAddr, Problem> {
    let address: Result<IpAddr, _> = text.parse();
    address.map(|address| address.to_canonical()).map_err(|_| {
        Problem::invalid(
            field,
            format!("{text:?} is no IP address"),
            "write the address of a router, like 192.0.2.1; /api/v1/routers lists them",
        )
    })
}

/// Reads an AS number.
pub(super) fn read_asn(field: &'static str, text: &str) -> Result<u32, Problem> {
    let digits = text.strip_prefix("AS").unwrap_or(text);
    number(digits).ok_or_else(|| {
        Problem::invalid(
            field,
            format!("{text:?} is no AS number"),
            "write a number from 0 to 4294967295, like 64500 or AS64500",
        )
    })
}

/// Reads a community of any kind, as routes show it.
fn read_community(text: &str) -> Result<CommunityFilter, Problem> {
    let parts: Vec<&str> = text.split(':').collect();
    let standard = || match parts[..] {
        [asn, value] => Some(CommunityFilter::Standard(number(asn)?, number(value)?)),
        _ => None,
    };
    let large = || match parts[..] {
        [admin, one, two] => Some(CommunityFilter::Large([
            number(admin)?,
            number(one)?,
            number(two)?,
        ])),
        _ => None,
    };
    let extended = || {
        let is_named = ["rt:", "ro:"].iter().any(|start| text.starts_with(start));
        let is_raw = text.strip_prefix("0x").is_some_and(|digits| {
            digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        (is_named || is_raw).then(|| CommunityFilter::Extended(text.to_owned()))
    };
    standard().or_else(large).or_else(extended).ok_or_else(|| {
        Problem::invalid(
            "community",
            format!("{text:?} is no community"),
            "write it as routes show it: 64500:100, large 64500:1:2, extended rt:64500:100 or 0x and 16 hexadecimal digits",
        )
    })
}

fn read_next_hop(text: &str) -> Result<IpAddr, Problem> {
    let address: Result<IpAddr, _> = text.parse();
    address.map(|address| address.to_canonical()).map_err(|_| {
        Problem::invalid(
            "next_hop",
            format!("{text:?} is no IP address"),
            "write an address, like 192.0.2.1 or 2001:db8::1",
        )
    })
}

fn read_view(text: &str) -> Result<RibView, Problem> {
    RibView::from_name(text).ok_or_else(|| {
        let names = RibView::ALL.map(RibView::name).join(", ");
        Problem::invalid(
            "view",
            format!("there is no view {text:?}"),
            format!("write one of {names}"),
        )
    })
}

/// Reads a family by its numbers, like `1/1`, or by its name, like `ipv4-unicast`.
fn read_family(text: &str) -> Result<AfiSafi, Problem> {
    text.parse().map_err(|()| {
        Problem::invalid(
            "family",
            format!("{text:?} is no family"),
            "write AFI/SAFI, like 1/1, or a name, like ipv4-unicast",
        )
    })
}

/// Reads a prefix; a bare address is the prefix of its full length.
pub(super) fn read_prefix(text: &str) -> Result<Prefix, Problem> {
    let invalid = |detail: String, remedy: String| Problem::invalid("prefix", detail, remedy);
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let example = || "write a prefix, like 192.0.2.0/24 or 2001:db8::/32, or an address".to_owned();
    let address: IpAddr = address
        .parse()
        .map_err(|_| invalid(format!("{text:?} is no prefix"), example()))?;
    let Some(length) = length else {
        return Ok(Prefix::host(address));
    };
    let length: u8 =
        number(length).ok_or_else(|| invalid(format!("{length:?} is no length of a prefix"), example()))?;
    Prefix::new(address, length).map_err(|error| match error {
        PrefixError::TooLong { most } => invalid(
            format!("a prefix of {length} bits is too long for {address}"),
            format!("write a length of at most {most}"),
        ),
        PrefixError::HostBits { without } => invalid(
            format!("{text} has address bits behind its length"),
            format!("write {without}, or {address} with match=longest for the route to this address"),
        ),
    })
}

/// Refuses a family whose routes can't have this prefix: nothing would ever be found.
pub(super) fn check_family(family: Option<AfiSafi>, prefix: Prefix) -> Result<(), Problem> {
    let Some(family) = family else {
        return Ok(());
    };
    let bits = if prefix.address().is_ipv4() { 32 } else { 128 };
    match shape(family) {
        NlriShape::Prefix { max_bits, .. } if max_bits == bits => Ok(()),
        NlriShape::Prefix { .. } => Err(Problem::invalid(
            "family",
            format!("prefix and family contradict each other: {prefix} is no prefix of {family}"),
            "leave family out, or write a prefix of its addresses",
        )),
        NlriShape::Opaque { .. } | NlriShape::Unframed => Err(Problem::invalid(
            "family",
            format!("prefix and family contradict each other: routes of {family} have no prefix"),
            "leave out one of them",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_that_is_none_is_refused_with_the_remedy() {
        assert_eq!(read_prefix("192.0.2.0/24").unwrap().to_string(), "192.0.2.0/24");
        assert_eq!(read_prefix("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        for (text, remedy) in [
            ("192.0.2.0/33", "at most 32"),
            ("192.0.2.1/24", "192.0.2.0/24"),
            ("192.0.2/24", "write a prefix"),
            ("192.0.2.0/", "write a prefix"),
            ("192.0.2.0/+24", "write a prefix"),
            ("192.0.2.0/024", "write a prefix"),
            ("", "write a prefix"),
        ] {
            let problem = format!("{:?}", read_prefix(text).unwrap_err());
            assert!(problem.contains(remedy), "{text}: {problem}");
        }
    }

    #[test]
    fn communities_of_each_kind_are_read() {
        assert_eq!(
            read_community("64500:100").unwrap(),
            CommunityFilter::Standard(64_500, 100)
        );
        assert_eq!(
            read_community("4200000000:1:2").unwrap(),
            CommunityFilter::Large([4_200_000_000, 1, 2])
        );
        for text in ["rt:64500:100", "0x0003000000000001"] {
            assert_eq!(
                read_community(text).unwrap(),
                CommunityFilter::Extended(text.to_owned())
            );
        }
        for text in [
            "",
            "64500",
            "70000:1",
            "+64500:1",
            "64500:01",
            "1:2:3:4",
            "no-export",
            "0x",
            "0x10",
            "0x000300000000000g",
        ] {
            assert!(read_community(text).is_err(), "{text}");
        }
    }

    #[test]
    fn families_are_read_by_number_and_by_name() {
        assert_eq!(read_family("2/128").unwrap(), AfiSafi::IPV6_VPN);
        assert_eq!(read_family("ipv4-unicast").unwrap(), AfiSafi::IPV4_UNICAST);
        let evpn = AfiSafi::EVPN.name().unwrap();
        assert_eq!(read_family(evpn).unwrap(), AfiSafi::EVPN);
        for text in ["ipv5", "1/256", "+1/1", "1/01"] {
            assert!(read_family(text).is_err(), "{text}");
        }
    }

    /// `+24` and `024` meant 24.
    #[test]
    fn numbers_are_read_only_as_they_are_usually_written() {
        assert_eq!(read_asn("as", "64500").unwrap(), 64_500);
        assert_eq!(read_asn("as", "0").unwrap(), 0);
        for text in ["+64500", "064500", "00", "", "-1", "4294967296", "64 500"] {
            assert!(read_asn("as", text).is_err(), "{text}");
        }
    }
}
