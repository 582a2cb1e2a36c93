//! The shape every registry has here: known numbers by name, all others kept as they are.

/// Makes an enum of registry values. A number without a name is `Unknown` and keeps its value,
/// so nothing a router sends is lost or fatal.
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
            /// A number without a name here.
            Unknown($code),
        }

        impl $name {
            /// The value of this number.
            #[inline]
            #[must_use]
            pub const fn from_code(code: $code) -> Self {
                match code {
                    $( $number => Self::$value, )*
                    other => Self::Unknown(other),
                }
            }

            /// The number of this value.
            #[inline]
            #[must_use]
            pub const fn code(self) -> $code {
                match self {
                    $( Self::$value => $number, )*
                    Self::Unknown(code) => code,
                }
            }

            /// The name used in metrics, JSON and logs; `unknown` for a number without one.
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
