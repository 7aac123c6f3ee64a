//! List filters: what a real Temporal server answered to some hundreds of them, and what holds for all.

use std::{collections::BTreeMap, fs, path::Path};

use proptest::prelude::*;
use serde_json::Value as Json;
use steadfast_core::{
    Rejection, Timestamp,
    visibility::{
        self, AttributeType, Closing, CountFilter, Filter, Place, RowRef, SearchAttributeTypes,
        Value, VisibilityRow, from_payload,
    },
};
use steadfast_proto::{
    json::from_json, temporal::api::enums::v1::WorkflowExecutionStatus,
    temporal::api::workflow::v1::WorkflowExecutionInfo,
};

/// The attributes of the namespace that was recorded.
fn types() -> SearchAttributeTypes {
    SearchAttributeTypes::new(AttributeType::ALL.map(|it| {
        let name = match it {
            AttributeType::Bool => "MyBool",
            AttributeType::Datetime => "MyDt",
            AttributeType::Double => "MyDbl",
            AttributeType::Int => "MyInt",
            AttributeType::Keyword => "MyKw",
            AttributeType::KeywordList => "MyKl",
            AttributeType::Text => "MyText",
        };
        (name.to_owned(), it)
    }))
}

struct Recorded {
    /// By workflow id.
    rows: Vec<(String, String, VisibilityRow)>,
    lists: Vec<(String, Json)>,
    counts: Vec<(String, Json)>,
}

fn recorded() -> Recorded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded/list_filters.json");
    let text = fs::read_to_string(path).expect("readable");
    let json: Json = serde_json::from_str(&text).expect("it is JSON");
    let pairs = |key: &str| {
        let pairs = json[key].as_array().expect("an array").iter();
        pairs
            .map(|pair| {
                (
                    pair[0].as_str().expect("a query").to_owned(),
                    pair[1].clone(),
                )
            })
            .collect()
    };
    Recorded {
        rows: json["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(row)
            .collect(),
        lists: pairs("list"),
        counts: pairs("count"),
    }
}

fn row(json: &Json) -> (String, String, VisibilityRow) {
    let info: WorkflowExecutionInfo = from_json(&json.to_string()).expect("the server's JSON");
    let status = info.status();
    let time = |time: &Option<prost_types::Timestamp>| time.as_ref().map(Timestamp::from_proto);
    let attributes = info.search_attributes.unwrap_or_default().indexed_fields;
    let typed = attributes.iter().map(|(name, payload)| {
        let attribute_type = types().get(name).expect("a known attribute");
        let value = from_payload(payload, attribute_type).expect("a value of its type");
        (name.clone(), value.expect("a value"))
    });
    let row = VisibilityRow {
        workflow_type: info.r#type.expect("a type").name,
        task_queue: info.task_queue,
        start_time: time(&info.start_time).expect("a start"),
        execution_time: time(&info.execution_time).expect("a start"),
        parent: None,
        root: None,
        closing: time(&info.close_time).map(|close| Closing {
            status,
            time: close,
            history_length: info.history_length,
            history_size_bytes: info.history_size_bytes,
            state_transition_count: info.state_transition_count,
        }),
        search_attributes: typed.collect(),
        memo: None,
    };
    let execution = info.execution.expect("an execution");
    (execution.workflow_id, execution.run_id, row)
}

/// The workflow ids that a filter finds, in the order of places.
fn ids(filter: &Filter, recorded: &Recorded) -> Vec<String> {
    let mut found: Vec<_> = recorded
        .rows
        .iter()
        .filter(|(id, run, row)| {
            let bytes = row.encode();
            filter.matches(id, run, &RowRef::decode(&bytes).expect("a row"))
        })
        .map(|(id, run, row)| {
            let close = row.closing.map(|it| it.time);
            (Place::new(row.start_time, close, run.as_str().into()), id)
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, id)| id.clone()).collect()
}

/// Where the answer here is another one than the dev server's, and why.
const DIFFERENT: [(&str, &str); 15] = [
    (
        "MyKw STARTS_WITH 'AL'",
        "case counts, as in Temporal's other stores",
    ),
    ("MyKw STARTS_WITH 'al'", "case counts"),
    ("MyKw NOT STARTS_WITH 'al'", "case counts"),
    ("MyKw STARTS_WITH 'al' OR MyInt = 10", "case counts"),
    ("WorkflowId starts_with 'A'", "case counts"),
    ("MyKl = 'x'", "case counts"),
    ("MyKl = 'X'", "case counts"),
    ("MyKl != 'x'", "case counts"),
    ("MyKl IN ('x', 'only')", "case counts"),
    ("MyKl NOT IN ('x', 'only')", "case counts"),
    (
        "MyText = 'elan'",
        "accents count, as in Temporal's other stores",
    ),
    (
        "MyKw = 'say \"hi\"'",
        "SQLite is handed the quotes with backslashes before them",
    ),
    ("MyKw = \"say \"\"hi\"\"\"", "the same"),
    ("MyKw = 'say \\\"hi\\\"'", "the same"),
    (
        "WorkflowId = ('a', 'b')",
        "a list that is compared fails in SQLite, and here when it is read",
    ),
];
/// SQLite compares custom moments as texts of two formats; what is right is in a test of its own.
const MOMENTS: &str = "MyDt ";
/// The names that columns have in Temporal's database are no attributes here.
const COLUMNS: &str = "Keyword01 ";
/// What is refused here before it is named.
const UNREAD: [&str; 2] = ["EXISTS (SELECT 1)", "CASE WHEN 1 THEN 2 END"];

fn message(rejection: &Rejection) -> &str {
    match rejection {
        Rejection::InvalidArgument(message) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn filters_find_what_temporal_finds_and_refuse_in_its_words() {
    let recorded = recorded();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (query, answer) in &recorded.lists {
        let different = DIFFERENT.iter().any(|(known, _)| known == query)
            || UNREAD.contains(&query.as_str())
            || query.starts_with(COLUMNS);
        if query.starts_with(MOMENTS) && answer["ids"].is_array() {
            continue;
        }
        let parsed = Filter::parse(query, &types());
        let (found, expected) = match &parsed {
            Ok(filter) => {
                let found = ids(filter, &recorded).join(" ");
                let expected = answer["ids"].as_array().map_or_else(
                    || answer["message"].to_string(),
                    |ids| {
                        let ids: Vec<_> = ids.iter().filter_map(Json::as_str).collect();
                        ids.join(" ")
                    },
                );
                (found, expected)
            }
            Err(rejection) => (
                message(rejection).to_owned(),
                answer["message"]
                    .as_str()
                    .unwrap_or("it was accepted")
                    .to_owned(),
            ),
        };
        seen += 1;
        if (found == expected) == different {
            wrong.push(format!("{query}\n   here:  {found}\n   there: {expected}"));
        }
    }
    assert!(seen > 250, "queries were lost: {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn counts_group_as_temporal_groups() {
    let recorded = recorded();
    for (query, answer) in &recorded.counts {
        let parsed = CountFilter::parse(query, &types());
        let count = match parsed {
            Ok(count) => count,
            Err(rejection) => {
                assert_eq!(
                    Some(message(&rejection)),
                    answer["message"].as_str(),
                    "{query}"
                );
                continue;
            }
        };
        let mut groups = BTreeMap::<String, u64>::new();
        let mut total = 0;
        for (id, run, row) in &recorded.rows {
            let bytes = row.encode();
            let row = RowRef::decode(&bytes).expect("a row");
            if count.filter.matches(id, run, &row) {
                total += 1;
                if let Some(by) = count.group_by {
                    *groups.entry(by.value(&row)).or_default() += 1;
                }
            }
        }
        assert_eq!(answer["count"], total, "{query}");
        let expected = answer["groups"].as_array().expect("groups").iter();
        let expected: Vec<_> = expected
            .map(|group| {
                let value = group[0][0].as_str().expect("a keyword").to_owned();
                (value, group[2].as_i64().expect("a count"))
            })
            .collect();
        let shown = visibility::answer::count(&groups, count.group_by);
        let shown: Vec<_> = shown
            .groups
            .into_iter()
            .map(|group| {
                let value = from_payload(&group.group_values[0], AttributeType::Keyword);
                match value {
                    Ok(Some(Value::Keyword(value))) => (value, group.count),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(shown, expected, "{query}");
    }
}

/// Moments compare as moments, whatever SQLite does.
#[test]
fn custom_moments_are_compared_to_the_nanosecond() {
    let recorded = recorded();
    for (query, expected) in [
        ("MyDt = '2024-05-06T07:08:09.123456Z'", "d"),
        ("MyDt >= '2024-05-06T09:08:09.123456+02:00'", "a d"),
        ("MyDt > '2024-05-06T07:08:09.123456Z'", "a"),
        ("MyDt < 1714979289123456001", "d"),
        ("MyDt IN ('2024-05-06T07:08:09.123456Z')", "d"),
        (
            "MyDt NOT BETWEEN '2024-01-01T00:00:00Z' AND '2024-05-01T00:00:00Z'",
            "a d",
        ),
        ("MyDt != '2024-05-06T07:08:09.123456Z'", "a"),
    ] {
        let filter = Filter::parse(query, &types()).expect("a filter");
        assert_eq!(ids(&filter, &recorded).join(" "), expected, "{query}");
    }
}

#[test]
fn hostile_filters_are_refused_and_not_sunk_in() {
    let types = types();
    let deep = format!("{}MyInt = 1{}", "(".repeat(5_000), ")".repeat(5_000));
    let not = format!("{}MyInt = 1", "NOT ".repeat(5_000));
    let signs = format!("MyInt = {}1", "-".to_owned() + &"+ ".repeat(5_000));
    for query in [deep, not, signs] {
        let refused = Filter::parse(&query, &types).expect_err("too deep");
        assert!(
            message(&refused).contains("max nesting level reached"),
            "{refused}"
        );
    }
    let is = format!("MyInt{}", " IS NULL".repeat(20_000));
    let refused = Filter::parse(&is, &types).expect_err("no column");
    assert!(message(&refused).contains("*sqlparser.IsExpr"), "{refused}");
    let long = format!("MyKw = '{}'", "x".repeat(300_000));
    let refused = Filter::parse(&long, &types).expect_err("too long");
    assert!(message(&refused).contains("exceeds the limit"), "{refused}");
    let wide = vec!["MyInt = 1"; 10_000].join(" OR ");
    let filter = Filter::parse(&wide, &types).expect("wide is not deep");
    assert!(
        matches!(&filter, Filter::And(both) if matches!(&both[0], Filter::Or(all) if all.len() == 10_000))
    );
}

/// Words of filters, in any order.
fn scraps() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "MyInt",
        "MyKw",
        "`MyText`",
        "MyKl",
        "MyDt",
        "MyBool",
        "ExecutionStatus",
        "CloseTime",
        "foo",
        "=",
        "!=",
        "<",
        ">=",
        "IN",
        "NOT",
        "BETWEEN",
        "AND",
        "OR",
        "IS",
        "NULL",
        "STARTS_WITH",
        "(",
        ")",
        ",",
        "'a'",
        "\"b",
        "'",
        "5",
        "-1.5",
        "1e9",
        "0x1",
        "true",
        "'Running'",
        "'2024-05-06T07:08:09Z'",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        ";",
        "--",
        "/*",
        "#",
        "\\",
        "é",
        "`",
        ".",
        "+",
        "select",
        "'1h'",
        "ExecutionDuration",
    ]);
    prop::collection::vec(words, 0..16).prop_map(|words| words.join(" "))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z'\"\\\\ %_\u{e9}\n]{0,8}", any::<String>()]
}

fn quoted() -> impl Strategy<Value = String> {
    text().prop_map(|t| format!("'{}'", t.replace('\\', "\\\\").replace('\'', "''")))
}

/// A query that is a filter, by its text.
fn query() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("finite", |f| f.is_finite())
            .prop_map(|f| format!("{f:?}")),
    ];
    let compare = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">=", "<>"]);
    let equal = prop::sample::select(vec!["=", "!="]);
    let not = prop::sample::select(vec!["", "NOT "]);
    let status = prop::sample::select(vec![
        "'Running'",
        "'Completed'",
        "2",
        "'WORKFLOW_EXECUTION_STATUS_TIMED_OUT'",
    ]);
    let moment = any::<i64>().prop_map(|n| n.to_string());
    let column = prop::sample::select(vec![
        "MyInt",
        "MyKw",
        "MyKl",
        "MyText",
        "MyDt",
        "CloseTime",
        "TemporalNamespaceDivision",
    ]);
    let leaf = prop_oneof![
        (compare.clone(), number.clone()).prop_map(|(c, n)| format!("MyInt {c} {n}")),
        (compare.clone(), number.clone()).prop_map(|(c, n)| format!("MyDbl {c} {n}")),
        (compare.clone(), quoted()).prop_map(|(c, q)| format!("MyKw {c} {q}")),
        (equal.clone(), quoted()).prop_map(|(c, q)| format!("MyKl {c} {q}")),
        (equal, "[a-z]{1,4}").prop_map(|(c, q)| format!("MyText {c} '{q}'")),
        (compare.clone(), status).prop_map(|(c, s)| format!("ExecutionStatus {c} {s}")),
        (compare, moment).prop_map(|(c, m)| format!("MyDt {c} {m}")),
        (not.clone(), quoted()).prop_map(|(n, q)| format!("MyKw {n}STARTS_WITH {q}")),
        (not.clone(), prop::collection::vec(quoted(), 1..4))
            .prop_map(|(n, q)| format!("MyKw {n}IN ({})", q.join(", "))),
        (not.clone(), number.clone(), number)
            .prop_map(|(n, a, b)| format!("MyInt {n}BETWEEN {a} AND {b}")),
        (not, column).prop_map(|(n, c)| format!("`{c}` IS {n}NULL")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|all| format!("({})", all.join(" AND "))),
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|all| format!("({})", all.join(" or "))),
            inner.prop_map(|one| format!("NOT {one}")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), scraps()]) {
        drop(CountFilter::parse(&text, &types()));
    }

    #[test]
    fn a_filter_is_read_from_what_it_is_written_as(query in query()) {
        let filter = Filter::parse(&query, &types()).map_err(|e| TestCaseError::fail(format!("{query}: {e}")))?;
        let written = filter.to_string();
        let again = Filter::parse(&written, &types()).map_err(|e| TestCaseError::fail(format!("{written}: {e}")))?;
        prop_assert_eq!(filter, again, "{}", written);
    }

    #[test]
    fn a_place_is_read_from_its_token(start: i64, close: Option<i64>, run in "[0-9a-f-]{0,36}") {
        let close = close.map(Timestamp::from_nanos);
        let place = Place::new(Timestamp::from_nanos(start), close, run.as_str().into());
        prop_assert_eq!(Place::decode(&place.encode()), Some(place));
    }

    #[test]
    fn rows_are_read_from_their_bytes(keyword in text(), int: i64, flag: bool, closed: bool, list in prop::collection::vec(text(), 1..3)) {
        let row = VisibilityRow {
            workflow_type: keyword.clone(),
            task_queue: "q".to_owned(),
            start_time: Timestamp::from_nanos(int),
            execution_time: Timestamp::from_nanos(int),
            parent: None,
            root: None,
            closing: closed.then_some(Closing {
                status: WorkflowExecutionStatus::Failed,
                time: Timestamp::from_nanos(int),
                history_length: int,
                history_size_bytes: 1,
                state_transition_count: 2,
            }),
            search_attributes: [
                ("a", Value::Keyword(keyword)),
                ("b", Value::Int(int)),
                ("c", Value::Bool(flag)),
                ("d", Value::KeywordList(list)),
                ("e", Value::Double(0.5)),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            memo: None,
        };
        let bytes = row.encode();
        prop_assert_eq!(&VisibilityRow::decode(&bytes).expect("a row"), &row);
        let borrowed = RowRef::decode(&bytes).expect("a row");
        prop_assert_eq!(borrowed.workflow_type, &row.workflow_type);
        prop_assert_eq!(borrowed.closing, row.closing);
        for (name, value) in &row.search_attributes {
            prop_assert_eq!(borrowed.attribute(name), Some(&value.as_ref()));
        }
    }
}
