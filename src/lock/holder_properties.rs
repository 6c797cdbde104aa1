//! Properties of the holder text: any text in a lock file, and any label.
//! `PROPTEST_CASES=100000 cargo test properties` tries more of them.

use proptest::prelude::*;

use super::{Holder, clean, compose};

/// Lines that look like ours, among others.
fn lines() -> impl Strategy<Value = String> {
    let name = prop_oneof!["pid", "time", "label", ".{0,5}"];
    let value = prop_oneof![
        "-?[0-9]{1,12}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})?",
        ".{0,20}"
    ];
    let end = prop_oneof!["\n", "\r\n", "\r", ""];
    let line = (name, value, end).prop_map(|(name, value, end)| format!("{name}:{value}{end}"));
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn any_bytes_can_be_shown(bytes: Vec<u8>) {
        let text = clean(&bytes);
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        prop_assert_eq!(text.trim(), &text);
        let _ = Holder::parse(&text);
    }

    #[test]
    fn any_text_names_a_process_or_none(text in lines()) {
        if let Some(holder) = Holder::parse(&text) {
            prop_assert!(holder.pid > 0);
            prop_assert!(text.contains(&holder.pid.to_string()), "{}", holder.pid);
            prop_assert!(holder.label.is_none_or(|label| text.contains(&label)));
        }
    }

    #[test]
    fn any_label_is_read_as_it_was_written_and_changes_nothing_else(label: String) {
        let line: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let expected = Some(line.trim().to_owned()).filter(|label| !label.is_empty());
        for text in [compose(Some(&label)), clean(compose(Some(&label)).as_bytes())] {
            let holder = Holder::parse(&text);
            prop_assert_eq!(holder.as_ref().map(|holder| holder.pid), Some(std::process::id()));
            prop_assert!(holder.as_ref().is_some_and(|holder| holder.time.is_some()));
            prop_assert_eq!(&holder.and_then(|holder| holder.label), &expected);
        }
    }
}
