//! Target `proxy_header`: the PROXY protocol header at the start of a load balancer's connection.

use arancini_collector::ingest::proxy_header::{Header, MOST_BYTES, Progress, may_be_header, progress};

/// Reads the header as its connection does: never a byte behind it, and never more than its bound. Then gives the bytes one by
/// one, which must not change the outcome.
pub fn run(input: &[u8]) {
    let mut taken = 0;
    let whole = loop {
        let asked = match progress(&input[..taken]) {
            Ok(Progress::Whole(header)) => break Some(header),
            Ok(Progress::Missing(bytes)) => bytes,
            Ok(Progress::MissingLine(within)) => {
                let rest = &input[taken..input.len().min(taken + within)];
                let line = rest.iter().position(|&byte| byte == b'\n');
                line.map_or(within, |end| end + 1)
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break None;
            }
        };
        assert!(asked > 0, "nothing is asked for, and the header is not whole");
        assert!(taken + asked <= MOST_BYTES);
        if taken == input.len() {
            // The connection ended within its header.
            break None;
        }
        taken = input.len().min(taken + asked);
    };
    let Some(header) = whole else { return };
    assert!(may_be_header(input));
    if let Header::Relayed(router) = header {
        let address = router.ip();
        assert_eq!(address, address.to_canonical());
        assert!(!address.is_unspecified() && !address.is_multicast());
    }
    for cut in 0..taken {
        assert!(
            matches!(
                progress(&input[..cut]),
                Ok(Progress::Missing(_) | Progress::MissingLine(_))
            ),
            "the first {cut} of {taken} bytes"
        );
    }
}
