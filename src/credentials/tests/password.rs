use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{Encoding, HashError, Part, PasswordHash, Scheme, Secret, Verification};

/// Password, salt length and field as the mosquitto_passwd of 2.0.11, 2.0.21 and 2.1.2 wrote them; with `-H
/// sha512` the three before the last; the last is an empty password.
#[rustfmt::skip]
const MADE_BY_MOSQUITTO: [(&str, usize, &str); 10] = [
    ("123456", 12,
     "$7$101$kaiji0IWxvIBEklt$Cyv1Xk30ybHeLkLBmT+zGi7LpDSthVudinZL5VLX+cLgPJhS2JPHUiTjQquKv5TAcmcQ4/uQ\
      2rNtQ8x7YQHEMQ=="),
    ("pass word ü", 12,
     "$7$101$yfSUTU4IvkrN+40u$1p+E8mqquXZVItGJw9HYk1EKSr+9OiBl5b+O/31Mx78AwHUwZFJi/DX8rSExDimcQ+LjPHDz\
      5rmPsW8JLxs70g=="),
    ("123456", 12,
     "$7$101$Y1pIvwcocEazdkht$tOxLNDh9ly+gJ5n67bkdxgeQfM44i+RN1OCge7FCYzCiSENvI1XoFRyccr2LaUVCi3GDyY7a\
      Yh+OB0MT0y9ojg=="),
    ("pass word ü", 12,
     "$7$101$QbzD8OKljHhBM2VA$cl1/X5kIUbtCKRjF4NwA2S3F1LVf9etEx9w8iYEcJSqh9d4oPWdNwj/DP6jQxaXFg5o7m7e8\
      5ldDyOTSDN+uQA=="),
    ("123456", 64,
     "$7$1000$kpEYKScPVtEEAWcLbFyUvi4T8A9CNpRj6/8yanOp0cza7hFYKEI+MRISC4PQl8m0ZzHToY7LMYMwqhuhHS01Ig==\
      $YY9tZpPQIGjBdu+lVpF0mPXF+AOMOKWuxBjMwhb/wRpAjDFWFQ6W7yiRyGqsPbB0Jwt97SoiKkhDWLAcxaz4pg=="),
    ("pass word ü", 64,
     "$7$1000$htV//B/OEhwm6nlxPL5zFf95r56WFn5u6uzr7nc5u3+oq/axFEw/1k+sQSHHU3sV4TGZRQzErTwYPBgB1ZJzOg==\
      $jrpjZYYi0kMJzo8wy68Pn6ltU4YQvXaKD7ea5DdUiQtaoAeXiKVW3lwbpr/tvHK1j09alwkYDkXB/YPw19mahw=="),
    ("123456", 12,
     "$6$U+ttmwPxNF+au5Hm$oVEbR5SYUs6kim8a03w3f8gxkDvNf80h/WR97I88s22H6JumBagrzLDyG+bNLhMDYftrZw5FxLIL\
      lwOffAlDGw=="),
    ("123456", 12,
     "$6$M+eloV/zxaPLSQM9$oqeNthb0noT8wTS5HAjz8YRywrSEAJYinbPnTkPM7jk7atYKcF1GAFSF8tlERzfSuiYXEAVuTnoV\
      cxmYR60Tiw=="),
    ("123456", 64,
     "$6$wEkMGNq/2SY46FtTLt5wncNpBoQOO1zkm9c03xMUT9NWQ8Bx328R5fCS4Kujk1EXIi4JVa5Da1pc7l/6lfLQPg==$lYx5\
      O7G3kTjaZZmvtBfjm/4QmQvCXwlNM+zQqId/v/hkJ374DcZfGfxkt34pB34rdZoujcs2LqbFOM3HHhkefQ=="),
    ("", 12,
     "$7$101$ebko8mIQnCzNX6dU$IWc+5QjrMwLmOSHwhghsbWLVQFl1Z8fsz0/OHyNFC7T5o6O2NKZuH9Zk3ID4LjEBDru63+BB\
      dsYefmogBls2+Q=="),
];

const SALT: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

fn field(salt: &str, hash: &str) -> String {
    format!("$7$101${salt}${hash}")
}

/// Salt and hash of `123456` in base64, 101 iterations.
fn parts() -> (String, String) {
    let made = PasswordHash::make(b"123456", SALT, 101).to_string();
    let mut parts = made.split('$').skip(3).map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap())
}

fn parse(field: &str) -> Result<PasswordHash, HashError> {
    PasswordHash::parse(field.as_bytes())
}

#[test]
fn hashes_of_mosquitto_passwd_verify() {
    for (password, salt, field) in MADE_BY_MOSQUITTO {
        let hash = parse(field).unwrap();
        assert_eq!(hash.salt_bytes(), Some(salt), "{field}");
        assert_eq!(hash.to_string(), field);
        assert_eq!((hash.leading_dollars, hash.has_tail), (1, false));
        assert_eq!(hash.verify(password.as_bytes()), Verification::Right, "{field}");
        for wrong in ["123457", "1234567", "12345"] {
            assert_eq!(hash.verify(wrong.as_bytes()), Verification::Wrong, "{field} {wrong}");
        }
    }
}

#[test]
fn made_hashes_verify_and_read_back() {
    for (password, iterations) in [("123456", 101), ("", 1), ("pass:word ü$", 1000), ("x", 0)] {
        let made = PasswordHash::make(password.as_bytes(), SALT, iterations);
        let read = parse(&made.to_string()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.verify(password.as_bytes()), Verification::Right);
        assert_eq!(read.verify(b"another"), Verification::Wrong);
    }
}

/// Seen at the three brokers with a login each.
#[test]
fn loose_forms_that_brokers_take_are_taken() {
    let (salt, hash) = parts();
    let plain = field(&salt, &hash);
    let cases = [
        (plain.clone(), 1, false, Encoding::Standard, Encoding::Standard),
        (plain.trim_start_matches('$').to_owned(), 0, false, Encoding::Standard, Encoding::Standard),
        (format!("$${plain}"), 3, false, Encoding::Standard, Encoding::Standard),
        (format!("{plain}$"), 1, true, Encoding::Standard, Encoding::Standard),
        (format!("{plain}$$x"), 1, true, Encoding::Standard, Encoding::Standard),
        (format!("$7$$101$${salt}$${hash}"), 1, false, Encoding::Standard, Encoding::Standard),
        (
            field(&salt, &hash.replacen('A', "A ", 1).replacen('b', "b\t", 1)),
            1,
            false,
            Encoding::Standard,
            Encoding::Spaced,
        ),
        (field(&format!(" {salt}"), &hash), 1, false, Encoding::Spaced, Encoding::Standard),
        (field(&salt, &format!("{hash}AB")), 1, false, Encoding::Standard, Encoding::LooseEnd),
        (field(&salt, &format!("{hash}=")), 1, false, Encoding::Standard, Encoding::LooseEnd),
        (field(&salt, &format!("{hash}-abcd")), 1, false, Encoding::Standard, Encoding::LooseEnd),
        (field(&format!("{salt}!"), &hash), 1, false, Encoding::LooseEnd, Encoding::Standard),
    ];
    for (text, dollars, tail, salt_encoding, hash_encoding) in cases {
        let hash = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(hash.leading_dollars, dollars, "{text}");
        assert_eq!(hash.has_tail, tail, "{text}");
        assert_eq!((hash.salt_encoding, hash.hash_encoding), (salt_encoding, hash_encoding), "{text}");
        assert_eq!(hash.verify(b"123456"), Verification::Right, "{text}");
        assert_eq!(hash.to_string(), plain);
    }
}

#[test]
fn unused_bits_of_the_last_digit_do_not_matter() {
    let (salt, hash) = parts();
    let digits = hash.trim_end_matches('=');
    let (start, last) = digits.split_at(digits.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    let read = parse(&field(&salt, &format!("{start}{next}=="))).unwrap();
    assert_eq!((read.hash_encoding, read.verify(b"123456")), (Encoding::Standard, Verification::Right));
}

#[test]
fn iterations_are_read_as_atoi_reads_them() {
    let (salt, hash) = parts();
    for text in
        ["101", "101x", " 101", "\t101", "\x0b101", "+101", "0101", "101 1", "4294967397", "-4294967195"]
    {
        let read = parse(&format!("$7${text}${salt}${hash}")).unwrap();
        assert!(matches!(read.scheme, Scheme::Pbkdf2 { iterations: 101, .. }), "{text}");
        assert_eq!(read.verify(b"123456"), Verification::Right, "{text}");
    }
    for (text, number) in [
        ("0", 0),
        ("-5", -5),
        ("abc", 0),
        ("0x65", 0),
        ("- 101", 0),
        ("+-101", 0),
        ("2147483648", i32::MIN),
        ("18446744073709551717", -1),
        ("10000000000000000000000101", -1),
    ] {
        let read = parse(&format!("$7${text}${salt}${hash}"));
        assert_eq!(read, Err(HashError::Iterations(number)), "{text}");
    }
    let read = parse(&format!("$7$99999999999${salt}${hash}")).unwrap();
    assert_eq!(read.verify(b"123456"), Verification::TooManyIterations);
}

#[test]
fn lengths_that_no_release_takes_are_named() {
    let (salt, hash) = parts();
    let bytes = |count: usize| STANDARD.encode(vec![7; count]);
    for count in [1, 8, 11, 13, 16, 63, 65, 128] {
        assert_eq!(parse(&field(&bytes(count), &hash)), Err(HashError::SaltLength(count)));
    }
    for count in [1, 20, 32, 63, 65, 128] {
        assert_eq!(parse(&field(&salt, &bytes(count))), Err(HashError::HashLength(count)));
    }
    assert_eq!(parse(&field(&bytes(64), &hash)).unwrap().salt_bytes(), Some(64));
    assert_eq!(parse(&format!("$6${}${hash}", bytes(16))), Err(HashError::SaltLength(16)));
}

#[test]
fn each_fault_has_its_name() {
    let (salt, hash) = parts();
    let cases = [
        (String::new(), HashError::Empty),
        ("$$".to_owned(), HashError::Empty),
        ("secret".to_owned(), HashError::PlainText),
        ("7".to_owned(), HashError::PlainText),
        ("$ecret".to_owned(), HashError::PlainText),
        ("sec$ret".to_owned(), HashError::PlainText),
        ("$5$abc$def".to_owned(), HashError::UnknownScheme(Some("5"))),
        ("$2b$10$abc".to_owned(), HashError::UnknownScheme(Some("2b"))),
        ("$argon2i$v=19".to_owned(), HashError::UnknownScheme(Some("argon2i"))),
        ("$8$a$b".to_owned(), HashError::UnknownScheme(None)),
        (format!("$07$101${salt}${hash}"), HashError::UnknownScheme(None)),
        ("$7".to_owned(), HashError::Missing(Part::Iterations)),
        ("$7$101".to_owned(), HashError::Missing(Part::Salt)),
        ("$6$".to_owned(), HashError::Missing(Part::Salt)),
        (format!("$7$101${salt}$"), HashError::Missing(Part::Hash)),
        (format!("$7$101$${hash}"), HashError::Missing(Part::Hash)),
        (format!("$6${salt}$plain"), HashError::BadBase64(Part::Hash)),
        (field(&salt, hash.trim_end_matches('=')), HashError::BadBase64(Part::Hash)),
        (field(&salt, &format!("!{}", &hash[1..])), HashError::BadBase64(Part::Hash)),
        (field("&", &hash), HashError::BadBase64(Part::Salt)),
        (format!("$6$101${salt}${hash}"), HashError::BadBase64(Part::Salt)),
    ];
    for (text, error) in cases {
        assert_eq!(parse(&text), Err(error), "{text}");
    }
}

#[test]
fn argon2id_is_kept_as_text() {
    let salt = "c2FsdHNhbHQ";
    let text = format!("$argon2id$v=19$m=47104,t=1,p=2${salt}${salt}");
    let hash = parse(&text).unwrap();
    assert_eq!(hash.to_string(), text);
    assert_eq!(hash.verify(b"x"), Verification::Wrong);
    let Scheme::Argon2id { facts: Some(facts), .. } = hash.scheme else { panic!("{hash:?}") };
    assert_eq!((facts.memory_kib, facts.passes, facts.lanes), (47104, 1, 2));
    assert_eq!((facts.salt_bytes, facts.hash_bytes), (8, 8));
    for odd in ["$argon2id$x", "$argon2id", "$argon2id$v=19$m=1,t=1$a$b"] {
        let hash = parse(odd).unwrap();
        assert!(matches!(hash.scheme, Scheme::Argon2id { facts: None, .. }), "{odd}");
        assert_eq!(hash.to_string(), odd);
        assert_eq!(hash.verify(b"x"), Verification::CannotVerify);
    }
}

/// Made with OpenSSL's argon2id; the last one has the costs and lengths that `mosquitto_passwd` uses.
const ARGON2ID: [&str; 3] = [
    "$argon2id$v=19$m=64,t=2,p=2$AwoRGB8mLTQ7QklQV15lbA$gGwD10CmkvsnMolhYEtWKnPBeWOVg79LC1skVixZgaM",
    "$argon2id$v=19$m=8,t=1,p=1$AwoRGB8mLTQ$ShRIY6jX1naePSENs5++EA",
    "$argon2id$v=19$m=47104,t=1,p=1$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dzj6vH4/wYNFBsiKTA3PkVMU1phaG92fYSLkpmg\
     p661vA$IH/MnxCVBHuqc/CFzMjXXzm5JF+uLfrGdWbmbE+/IFLAtqqnmCtnpUJyghGJOReDdEZZ/OnpAJCe1l6dDt0i1A",
];

#[test]
fn argon2id_is_verified() {
    for text in ARGON2ID {
        let hash = parse(text).unwrap();
        assert_eq!(hash.verify("geheim \u{fc}".as_bytes()), Verification::Right, "{text}");
        assert_eq!(hash.verify(b"geheim"), Verification::Wrong, "{text}");
        // The first version of the algorithm gives other results.
        let first = parse(&text.replace("v=19$", "")).unwrap();
        assert_eq!(first.verify("geheim \u{fc}".as_bytes()), Verification::Wrong, "{text}");
    }
}

#[test]
fn argon2id_has_its_limits() {
    let with = |costs: &str| {
        let text = ARGON2ID[1].replace("m=8,t=1,p=1", costs);
        parse(&text).unwrap().verify(b"x")
    };
    for costs in ["m=4294967295,t=1,p=1", "m=262145,t=1,p=1", "m=8,t=4294967295,p=1", "m=262144,t=33,p=1"] {
        assert_eq!(with(costs), Verification::TooManyIterations, "{costs}");
    }
    for costs in ["m=0,t=1,p=1", "m=8,t=0,p=1", "m=8,t=1,p=0", "m=8,t=1,p=2", "m=8,t=1,p=4294967295"] {
        assert_eq!(with(costs), Verification::CannotVerify, "{costs}");
    }
    let versioned = ARGON2ID[1].replace("v=19", "v=18");
    assert_eq!(parse(&versioned).unwrap().verify(b"x"), Verification::CannotVerify);
}

#[test]
fn nothing_secret_is_shown() {
    let hash = PasswordHash::make(b"123456", SALT, 101);
    let shown = format!("{hash:?} {:?}", Secret::new("hunter2"));
    assert!(
        !shown.contains(&parts().1) && !shown.contains(&parts().0) && !shown.contains("hunter2"),
        "{shown}"
    );
    let message = parse("$hunter2$x").unwrap_err().to_string();
    assert!(!message.contains("hunter2"), "{message}");
}
