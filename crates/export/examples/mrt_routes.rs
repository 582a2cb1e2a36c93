//! Prints the routes that `bgpkit-parser` finds in an MRT file, for `bench/formats`: `mrt_routes FILE`.
//!
//! A line has the peer, its AS number, the prefix, the path identifier, and for an announce the AS path, the origin and the next hop.
//! Fields are separated by tabs, and the absent is `-`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};

use bgpkit_parser::models::ElemType;
use bgpkit_parser::{BgpElem, BgpkitParser};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("the argument is an MRT file")?;
    let file = BufReader::new(File::open(path)?);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for elem in BgpkitParser::from_reader(file) {
        print(&elem, &mut out)?;
    }
    out.flush()?;
    Ok(())
}

fn print(elem: &BgpElem, out: &mut impl Write) -> std::io::Result<()> {
    write!(
        out,
        "{}\t{}\t{}\t{}",
        elem.peer_ip,
        elem.peer_asn.to_u32(),
        elem.prefix.prefix,
        text_of(elem.prefix.path_id)
    )?;
    if elem.elem_type == ElemType::WITHDRAW {
        return writeln!(out, "\t-\t-\t-");
    }
    let path = elem.as_path.as_ref().and_then(|path| path.to_u32_vec_opt(false));
    let path: Vec<String> = path.unwrap_or_default().iter().map(u32::to_string).collect();
    writeln!(
        out,
        "\t{}\t{}\t{}",
        path.join(" "),
        text_of(elem.origin),
        text_of(elem.next_hop.map(|next_hop| next_hop.to_canonical()))
    )
}

fn text_of(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
