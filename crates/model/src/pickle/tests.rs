use super::global::Global;
use super::*;

/// `("storage", torch.FloatStorage, "0", "cpu", 6)` as a persistent id, protocol 2.
const STORAGE: &[u8] =
    b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";

fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![op::PROTO, 2];
    bytes.extend(parts.concat());
    bytes.push(op::STOP);
    bytes
}

use super::opcode as op;

fn read(parts: &[&[u8]]) -> Result<Pickle, Fault> {
    Pickle::read(&pickle(parts))
}

fn root(parts: &[&[u8]]) -> Value {
    let pickle = read(parts).expect("readable");
    pickle.value(pickle.root).clone()
}

#[test]
fn plain_values_are_read() {
    assert_eq!(root(&[b"N"]), Value::None);
    assert_eq!(root(&[&[op::NEWTRUE]]), Value::Bool(true));
    assert_eq!(root(&[b"J\xff\xff\xff\xff"]), Value::Integer(-1));
    assert_eq!(root(&[b"M\x01\x02"]), Value::Integer(513));
    assert_eq!(root(&[b"G\0\0\0\0\0\0\0\0"]), Value::Real);
    assert_eq!(root(&[b"\x8c\x02ab"]), Value::Text("ab".into()));
    assert_eq!(root(&[b"U\x02ab"]), Value::Text("ab".into()));
    assert_eq!(root(&[b"U\x01\xff"]), Value::Bytes);
    assert_eq!(root(&[b"C\x03abc"]), Value::Bytes);
    assert_eq!(root(&[b"NN0"]), Value::None);
    assert_eq!(root(&[b"N(KK1"]), Value::None);
}

#[test]
fn integers_have_their_sign_and_may_be_long() {
    assert_eq!(root(&[b"\x8a\0"]), Value::Integer(0));
    assert_eq!(root(&[b"\x8a\x01\xff"]), Value::Integer(-1));
    assert_eq!(root(&[b"\x8a\x02\xff\x00"]), Value::Integer(255));
    assert_eq!(
        root(&[b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"]),
        Value::Integer(i64::MAX)
    );
    assert_eq!(
        root(&[b"\x8a\x09\0\0\0\0\0\0\0\0\x01"]),
        Value::LongInteger(vec![0, 0, 0, 0, 0, 0, 0, 0, 1])
    );
    assert!(matches!(
        read(&[b"\x8b\xff\xff\xff\x7f"]),
        Err(Fault::Excessive(_))
    ));
}

#[test]
fn tuples_lists_and_dictionaries_are_put_together() {
    let read = read(&[b"}(X\x01\0\0\0a](K\x01K\x02eX\x01\0\0\0bK\x03\x85u"]).expect("readable");
    let entries: Vec<_> = read.entries(read.root).collect();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].0, entries[1].0), ("a", "b"));
    assert!(matches!(read.value(entries[0].1), Value::List(items) if items.len() == 2));
    assert!(matches!(read.value(entries[1].1), Value::Tuple(items) if items.len() == 1));
}

#[test]
fn an_ordered_dictionary_is_made_as_python_2_and_3_do_and_its_state_is_dropped() {
    let three = read(&[b"ccollections\nOrderedDict\n)RX\x01\0\0\0aK\x01s}b"]).expect("readable");
    assert_eq!(three.entries(three.root).count(), 1);
    let two = read(&[b"ccollections\nOrderedDict\n](](U\x01aK\x01ee\x85R"]).expect("readable");
    assert_eq!(two.entries(two.root).count(), 1);
}

#[test]
fn values_are_kept_and_recalled() {
    assert_eq!(root(&[b"K\x05q\x030h\x03"]), Value::Integer(5));
    assert_eq!(
        root(&[b"K\x05r\xff\xff\xff\xff0j\xff\xff\xff\xff"]),
        Value::Integer(5)
    );
    assert_eq!(root(&[b"K\x05\x94K\x06\x9400h\x01"]), Value::Integer(6));
    assert!(matches!(
        read(&[b"h\x01"]),
        Err(Fault::Malformed(what, 2)) if what.contains("never kept")
    ));
}

#[test]
fn a_tensor_is_described() {
    let read = read(&[
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        STORAGE,
        b"K\x01K\x01K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtR",
    ])
    .expect("readable");
    assert_eq!(
        read.storages,
        [StoredElsewhere {
            key: "0".into(),
            element: ElementType::F32,
            count: 6
        }]
    );
    let Value::Tensor(tensor) = read.value(read.root) else {
        panic!("no tensor");
    };
    assert_eq!(tensor.offset, 1);
    assert_eq!(read.layout(tensor), (vec![1, 2], vec![2, 1]));
}

#[test]
fn names_come_from_a_line_or_the_stack() {
    let expected = Value::Global(Global::OrderedDict);
    assert_eq!(root(&[b"ccollections\nOrderedDict\n"]), expected);
    assert_eq!(
        root(&[b"\x8c\x0bcollections\x8c\x0bOrderedDict\x93"]),
        expected
    );
}

#[test]
fn what_is_no_part_of_weights_is_refused_by_name() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "getcwd"),
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("torch", "load"),
        ("torch.FloatStorage", "__init__"),
        ("torch", "FloatStorage.__class__"),
        ("torch", "QInt8Storage"),
        ("collections", "OrderedDict.__reduce__"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("models.rcan", "RCAN"),
    ] {
        let expected = Fault::Forbidden(format!("{module}.{name}"));
        let line = format!("c{module}\n{name}\n");
        assert_eq!(read(&[line.as_bytes()]).err(), Some(expected.clone()));
        let mut stack = Vec::new();
        for text in [module, name] {
            stack.extend([op::SHORT_BINUNICODE, text.len() as u8]);
            stack.extend(text.as_bytes());
        }
        stack.push(op::STACK_GLOBAL);
        assert_eq!(read(&[&stack]).err(), Some(expected.clone()));
        let sentence = expected.sentence("net.pth");
        assert!(
            sentence.starts_with("net.pth") && sentence.contains(&format!("{module}.{name}")),
            "{sentence}"
        );
    }
    // Without naming anything: older instructions that call.
    for old in [
        &b"(ios\nsystem\n"[..],
        b"(o",
        b"Pid\n",
        b"\x82\x01",
        b"I1\n",
        b"\x92",
    ] {
        assert!(matches!(read(&[old]), Err(Fault::Malformed(..))));
    }
}

#[test]
fn nonsense_on_the_stack_is_refused() {
    for wrong in [
        &b""[..],
        b"0",
        b"t",
        b"e",
        b"(e",
        b"N(e",
        b"K\x01a",
        b"](K\x01u",
        b"}(K\x01u",
        b"N\x86",
        b"(N\x86",
        b"K\x01(0\x86",
        b"NNR",
        b"N)R",
        b"ctorch\nSize\nNR",
        b"ctorch\nSize\n)R",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        b"NQ",
        b")Q",
        b"K\x01}b",
        b"NN\x93",
        b"X\x01\0\0\0\xff",
        b"\x80\x05",
    ] {
        assert!(
            matches!(read(&[wrong]), Err(Fault::Malformed(..))),
            "{wrong:?} gave {:?}",
            read(&[wrong]).map(|read| read.root)
        );
    }
}

#[test]
fn sizes_that_no_tensor_has_are_refused() {
    let tensor = |shape: &[u8]| {
        read(&[
            b"ctorch._utils\n_rebuild_tensor_v2\n(",
            STORAGE,
            shape,
            b"\x89NtR",
        ])
    };
    assert!(tensor(b"K\0K\x06\x85K\x01\x85").is_ok());
    // Negative offset, size, stride; more sizes than strides; a size of 9 bytes; a list.
    for wrong in [
        &b"J\xff\xff\xff\xffK\x06\x85K\x01\x85"[..],
        b"K\0J\xff\xff\xff\xff\x85K\x01\x85",
        b"K\0K\x06\x85\x8a\x01\xfe\x85",
        b"K\0K\x06K\x01\x86K\x01\x85",
        b"K\0\x8a\x09\0\0\0\0\0\0\0\0\x01\x85K\x01\x85",
        b"K\0](K\x06eK\x01\x85",
    ] {
        assert!(
            matches!(tensor(wrong), Err(Fault::Malformed(..))),
            "{wrong:?}"
        );
    }
    let nine = [
        b"K\0(".as_slice(),
        &b"K\x01".repeat(9),
        b"t(",
        &b"K\x01".repeat(9),
        b"t",
    ]
    .concat();
    assert!(matches!(tensor(&nine), Err(Fault::Excessive(_))));
}

#[test]
fn every_cut_is_noticed() {
    let whole = pickle(&[
        b"}X\x01\0\0\0a",
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        STORAGE,
        b"K\0K\x06\x85K\x01\x85\x89NtRs",
    ]);
    assert!(Pickle::read(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(Pickle::read(&whole[..length]).err(), Some(Fault::Ended));
    }
}

#[test]
fn bombs_are_bounded() {
    // Each line holds the one before ten times over: 10^40 entries, if they were copied.
    let mut laughs = b"(K\x01tq\0".to_vec();
    for level in 1..=40_u8 {
        laughs.push(op::MARK);
        for _ in 0..10 {
            laughs.extend([op::BINGET, level - 1]);
        }
        laughs.extend([op::TUPLE, op::BINPUT, level]);
    }
    assert!(read(&[&laughs]).is_ok());

    // A list that holds itself, and nesting deeper than any stack.
    assert!(read(&[b"]q\0h\0a"]).is_ok());
    let deep = [b"]".repeat(500_000), b"a".repeat(499_999)].concat();
    assert!(read(&[&deep]).is_ok());

    let many = b"]0".repeat(MOST_VALUES + 1);
    assert!(matches!(read(&[&many]), Err(Fault::Excessive(_))));
    let marks = b"(".repeat(MOST_VALUES + 1);
    assert!(matches!(read(&[&marks]), Err(Fault::Excessive(_))));
    let memo = [b"N".to_vec(), b"\x94".repeat(MOST_VALUES + 1)].concat();
    assert!(matches!(read(&[&memo]), Err(Fault::Excessive(_))));

    // The same thousand entries made into dictionaries again and again.
    let mut list = b"](".to_vec();
    list.extend(b"K\x01K\x02\x86".repeat(1000));
    list.extend(b"e\x85q\x00");
    list.extend(b"ccollections\nOrderedDict\nq\x01".as_slice());
    list.extend(b"h\x01h\x00R0".repeat(2000));
    assert!(matches!(read(&[&list]), Err(Fault::Excessive(_))));

    // Texts that claim more than there is.
    for huge in [
        &b"X\xff\xff\xff\xffabc"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc",
        b"B\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"T\xff\xff\xff\xff",
    ] {
        assert_eq!(read(&[huge]).err(), Some(Fault::Ended));
    }
    let name = [b"c".to_vec(), b"a".repeat(5000)].concat();
    assert!(matches!(read(&[&name]), Err(Fault::Malformed(..))));
}

#[test]
fn a_storage_has_one_size_and_type() {
    let again = |id: &[u8]| read(&[STORAGE, b"0", id]);
    assert_eq!(again(STORAGE).expect("the same").storages.len(), 1);
    let mut other = STORAGE.to_vec();
    let count = other.len() - 3;
    other[count] = 7;
    assert!(matches!(again(&other), Err(Fault::Malformed(..))));
    let half = b"(X\x07\0\0\0storagectorch\nHalfStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";
    assert!(matches!(again(half), Err(Fault::Malformed(..))));
}

#[test]
fn a_part_of_a_storage_lies_within_it() {
    let part = |part: &[u8]| {
        let id = STORAGE.strip_suffix(b"tQ").expect("a persistent id");
        let read = read(&[id, part, b"tQ"])?;
        Ok::<_, Fault>(read.value(read.root).clone())
    };
    let whole = StorageView {
        storage: 0,
        start: 0,
        count: 6,
    };
    assert_eq!(part(b"N"), Ok(Value::Storage(whole)));
    assert_eq!(
        part(b"X\x01\0\0\x001K\x02K\x04\x87"),
        Ok(Value::Storage(StorageView {
            start: 2,
            count: 4,
            ..whole
        }))
    );
    assert!(part(b"X\x01\0\0\x001K\x03K\x04\x87").is_err());
}
