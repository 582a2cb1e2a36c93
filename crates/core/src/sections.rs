//! The fields of an UPDATE that carry routes: up to four (RFC 4271 §4.3, RFC 4760 §3, §4).

use arancini_schema::encode::Carrier;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::nlri;
use arancini_wire::iana::AfiSafi;

use crate::progress::PartOfField;
use crate::table::TableIndex;

/// What an UPDATE says about the routes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Announced,
    Withdrawn,
}

/// One field of routes.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    pub family: AfiSafi,
    pub field: &'a [u8],
    /// Where the field starts in the UPDATE's body.
    pub offset: usize,
    pub carrier: Carrier,
    pub kind: FieldKind,
    /// The peer's table that holds the routes; known once the section is located.
    pub table: TableIndex,
    /// Whether path identifiers stand before the routes; known once the section is located.
    pub add_path: bool,
    /// Number of routes; known once the section is located.
    pub routes: usize,
    /// Bytes at the start of the field whose routes were taken in earlier turns.
    pub taken_bytes: usize,
}

/// The fields of routes of one UPDATE that are not empty: nearly always one.
#[derive(Default)]
pub(crate) struct Sections<'a> {
    fields: [Option<Section<'a>>; 4],
    count: usize,
}

impl<'a> Sections<'a> {
    /// Adds the fields of an UPDATE. Withdrawn routes come first. A prefix in both fields is not withdrawn
    /// (RFC 4271 §4.3; [`Self::overruling`]).
    #[inline]
    pub fn add(&mut self, update: &Update<'a>, attributes: &PathAttributes<'a>) {
        let v4 = AfiSafi::IPV4_UNICAST;
        let plain = Carrier::UpdateField;
        self.push(
            v4,
            update.withdrawn(),
            update.withdrawn_offset(),
            plain,
            FieldKind::Withdrawn,
        );
        if let Some(mp) = &attributes.mp_unreach {
            let offset = update.attributes_offset() + mp.offset;
            self.push(
                mp.family,
                mp.nlri,
                offset,
                Carrier::MultiProtocol,
                FieldKind::Withdrawn,
            );
        }
        self.push(
            v4,
            update.nlri(),
            update.nlri_offset(),
            plain,
            FieldKind::Announced,
        );
        if let Some(mp) = &attributes.mp_reach {
            let offset = update.attributes_offset() + mp.offset;
            self.push(
                mp.family,
                mp.nlri,
                offset,
                Carrier::MultiProtocol,
                FieldKind::Announced,
            );
        }
    }

    #[inline]
    fn push(&mut self, family: AfiSafi, field: &'a [u8], offset: usize, carrier: Carrier, kind: FieldKind) {
        if !field.is_empty()
            && let Some(place) = self.fields.get_mut(self.count)
        {
            *place = Some(Section {
                family,
                field,
                offset,
                carrier,
                kind,
                table: TableIndex(0),
                add_path: false,
                routes: 0,
                taken_bytes: 0,
            });
            self.count += 1;
        }
    }

    /// The announced fields, if the UPDATE withdraws routes of the same table too. Nearly no UPDATE does.
    #[inline]
    pub fn overruling(&self) -> Option<[Option<Section<'a>>; 4]> {
        if self.count > 1 {
            self.announced_too()
        } else {
            None
        }
    }

    #[cold]
    fn announced_too(&self) -> Option<[Option<Section<'a>>; 4]> {
        let of_kind = |kind| {
            self.fields
                .iter()
                .flatten()
                .filter(move |field| field.kind == kind)
        };
        let both = of_kind(FieldKind::Withdrawn).any(|withdrawn| {
            of_kind(FieldKind::Announced).any(|announced| announced.table == withdrawn.table)
        });
        let announced = |field: Option<Section<'a>>| field.filter(|field| field.kind == FieldKind::Announced);
        both.then(|| self.fields.map(announced))
    }

    /// The fields, in the order in which they take effect.
    #[inline]
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Section<'a>> {
        self.fields.iter_mut().map_while(Option::as_mut)
    }

    /// What is left of the fields, to go on with in a later turn.
    #[cold]
    pub fn progress(&self) -> [Option<PartOfField>; 4] {
        self.fields.map(|section| {
            section.map(|section| PartOfField {
                table: section.table,
                add_path: section.add_path,
                taken_bytes: section.taken_bytes,
                routes: section.routes,
            })
        })
    }

    /// Goes on where an earlier turn stopped: the fields are located, and their first routes are taken.
    #[cold]
    pub fn resume(&mut self, progress: &[Option<PartOfField>; 4]) {
        for (section, part) in self.iter_mut().zip(progress.iter().flatten()) {
            section.table = part.table;
            section.add_path = part.add_path;
            section.routes = part.routes;
            section.take(part.taken_bytes);
        }
    }
}

impl Section<'_> {
    /// Leaves out the first bytes of the field, whose routes are taken.
    fn take(&mut self, bytes: usize) {
        self.field = self.field.get(bytes..).unwrap_or_default();
        self.taken_bytes += bytes;
    }

    /// Splits the first routes off, fewer than there are.
    #[cold]
    pub fn split_off(&mut self, routes: usize) -> Self {
        let mut head = *self;
        let mut nlri = nlri::iter(self.family, self.field, self.add_path);
        head.routes = nlri.by_ref().take(routes).count();
        head.field = self.field.get(..nlri.offset()).unwrap_or_default();
        self.take(head.field.len());
        self.routes -= head.routes;
        head
    }
}
