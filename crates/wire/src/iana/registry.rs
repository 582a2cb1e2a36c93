//! The macro that makes an enum of a registry: known numbers by name, all other numbers unchanged.

/// Makes an enum of registry values. A number without a name is `Unknown` and keeps its value, so that no number which a
/// router sends is lost or fatal.
macro_rules! registry {
    (
        $(#[$meta:meta])*
        $name:ident: $code:ty {
            $( $(#[$value_meta:meta])* $value:ident = $number:literal $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$value_meta])* #[doc = concat!("`", $text, "`, ", $number, ".")] $value, )*
            /// A number that has no name here.
            Unknown($code),
        }

        impl $name {
            /// Converts a number to its value.
            #[inline]
            #[must_use]
            pub const fn from_code(code: $code) -> Self {
                match code {
                    $( $number => Self::$value, )*
                    other => Self::Unknown(other),
                }
            }

            /// Number of this value.
            #[inline]
            #[must_use]
            pub const fn code(self) -> $code {
                match self {
                    $( Self::$value => $number, )*
                    Self::Unknown(code) => code,
                }
            }

            /// Name in metrics, JSON and logs; `unknown` for a number without a name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$value => $text, )*
                    Self::Unknown(_) => "unknown",
                }
            }
        }
    };
}

pub(super) use registry;
