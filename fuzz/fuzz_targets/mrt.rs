#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| arancini_fuzzing::mrt::run(input));
