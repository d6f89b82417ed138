//! A/B tests of real models.

use crate::support::{BINARY, Project, Server};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The interpreter that has mlflow, scikit-learn, pandas and the flights.
const PYTHON: &str = "MAINSPRING_TEST_PYTHON";

const CONFIG: &str =
    "[project]\nname = \"flights\"\npython = \"PYTHON\"\n[model.flights]\nrollout = \"rollout.yaml\"\n";

#[test]
fn the_better_of_two_real_models_wins() {
    let Ok(python) = std::env::var(PYTHON) else {
        println!("skipped: set {PYTHON} to an interpreter with the requirements of the flights example");
        return;
    };
    let project = Project::repository();
    project.write("mainspring.toml", &CONFIG.replace("PYTHON", &python));
    project.write("rollout.yaml", "kind: Rollout\nspec: {strategy: {canary: {steps: [{setWeight: 50}]}}}\n");
    let server = Server::start(&project);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(python)
        .args(["-W", "ignore"])
        .arg(root.join("tests/clients/ab_session.py"))
        .args([&server.url, BINARY])
        .env("PYTHONPATH", root.join("examples/flights"))
        .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        .current_dir(project.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

const PRICE: &str = "name: price\narms: [{name: now}, {name: lower}]\nassignment: {where: [{attribute: country, in: [SE, NO]}]}\n\
    metrics: {booked: {event: booked}}\ngoals: [{metric: booked, better: higher}]\n\
    plan: {planned_units: 1000, minimum_runtime: 0s, look_every: 1h}\non_winner: name\n";

fn post(server: &Server, path: &str, body: Value) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(format!("{}{path}", server.url)).send_json(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

#[test]
fn a_test_of_programs_elsewhere_is_decided_by_their_events() {
    let project = Project::new();
    let server = Server::start(&project);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    project.write("price.yaml", PRICE);
    project.write("wrong.yaml", &PRICE.replace("better: higher", "better: more"));
    let wrong = run(&["ab", "create", "wrong.yaml"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    assert!(wrong.err.contains("wrong.yaml:5:34: unknown better `more`"), "{}", wrong.err);
    assert_eq!(run(&["ab", "create", "price.yaml", "--start"]).out, "price is running\n");
    assert_eq!(run(&["ab", "create", "price.yaml"]).code, 1, "there is one of this name");

    let mut events = Vec::new();
    let country = |unit: u32| if unit.is_multiple_of(3) { "DK" } else { "SE" };
    let asked = |unit: u32| json!({ "unit": format!("u{unit}"), "attributes": { "country": country(unit) } });
    let mut all: Vec<Value> =
        (0..500).map(|unit| post(&server, "/api/v1/ab/tests/price/assign", asked(unit)).1).collect();
    let many = "/api/v1/ab/tests/price/assignments";
    let (status, rest) = post(&server, many, json!({ "units": (500..1500).map(asked).collect::<Vec<_>>() }));
    assert_eq!(status, 200, "{rest}");
    all.extend(rest["assignments"].as_array().unwrap().iter().cloned());
    assert_eq!((all.len(), &all[1499]["unit"]), (1500, &json!("u1499")));
    let (status, refused) = post(&server, many, json!({ "units": vec![json!({ "unit": "new" }); 1001] }));
    assert_eq!((status, &refused["error"]), (400, &json!("a request has at most 1000 units")));
    let stray = json!({ "units": [{ "unit": "new", "attributes": { "country": "SE" } }, { "unit": "" }] });
    assert_eq!(post(&server, many, stray).0, 400);
    for (unit, assigned) in (0..).zip(&all) {
        assert_eq!(assigned["in_test"], json!(country(unit) == "SE"));
        let often = if assigned["name"] == "lower" { 2 } else { 4 };
        if unit / 3 % often == 0 {
            events.push(json!({ "id": format!("e{unit}"), "name": "booked", "unit": format!("u{unit}") }));
        }
    }
    let (_, told) = post(&server, "/api/v1/ab/events", json!({ "events": events }));
    assert_eq!(told, json!({ "added": events.len(), "known_before": 0 }));
    let (_, told) = post(&server, "/api/v1/ab/events", json!({ "events": events }));
    assert_eq!(told["added"], 0, "an event counts once");
    for bad in [
        json!({ "events": [] }),
        json!({ "events": [{ "id": "", "name": "booked", "unit": "u" }] }),
        json!({ "events": [{ "id": "x", "name": "booked", "unit": "u", "time": "yesterday" }] }),
        json!({ "events": 1 }),
    ] {
        let (status, answer) = post(&server, "/api/v1/ab/events", bad);
        assert!((400..500).contains(&status), "{answer}");
    }
    // A square of it would be infinite, and no variance could be computed for as long as the test runs.
    let large = |value: f64| json!({ "id": "x", "name": "unheard", "unit": "u", "value": value });
    let (status, answer) = post(&server, "/api/v1/ab/events", json!({ "events": [large(-1e308)] }));
    assert_eq!(status, 400, "{answer}");
    let refused = answer["error"].as_str().unwrap();
    assert!(refused.contains("the value of event `x` is beyond 1e100 in size"), "{answer}");
    assert!(answer["hint"].as_str().unwrap().contains("no variance"), "{answer}");
    assert_eq!(post(&server, "/api/v1/ab/events", json!({ "events": [large(-1e100)] })).1["added"], 1);
    assert_eq!(post(&server, "/api/v1/ab/tests/none/assign", json!({ "unit": "u" })).0, 404);

    let decided = run(&["ab", "decide", "price"]);
    assert!(decided.out.contains("`lower` wins"), "{}{}", decided.out, decided.err);
    assert!(
        decided.out.contains("better with 100.0 % (Bayes, flat prior); a look now finds "),
        "{}",
        decided.out
    );
    let cohorts = run(&["ab", "segments", "price"]);
    assert!(cohorts.out.contains("booked of lower") && cohorts.out.contains(" to "), "{}", cohorts.out);
    let unknown = run(&["ab", "segments", "price", "--by", "city"]);
    assert!(unknown.code != 0 && unknown.err.contains("has no unit with `city`"), "{}", unknown.err);
    assert!(unknown.err.contains("there are `country`"), "{}", unknown.err);
    let countries = run(&["ab", "segments", "price", "--by", "country"]);
    assert!(countries.code == 0 && countries.out.contains("SE"), "{}{}", countries.out, countries.err);
    let replayed = run(&["ab", "replay", "price"]);
    assert_eq!(replayed.code, 0, "{}", replayed.err);
    assert!(replayed.out.contains("the same, to the last bit"), "{}", replayed.out);
    let list = run(&["ab", "list"]).out;
    assert!(list.contains("price") && list.contains("ended"), "{list}");
    let again = run(&["ab", "start", "price"]);
    assert!(again.code != 0 && again.err.contains("has been started before"), "{}", again.err);
    assert_eq!(run(&["audit", "verify"]).code, 0);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let project = Project::new();
    let mut server = Server::start(&project);
    let mended = "metrics: {booked: {event: booked, outcome: sum}}";
    let file = PRICE.replace("metrics: {booked: {event: booked}}", mended);
    project.write("price.yaml", &file.replace("planned_units: 1000", "planned_units: 100000"));
    let created =
        project.run_with(&["ab", "create", "price.yaml", "--start"], &[("MAINSPRING_URL", &server.url)]);
    assert_eq!(created.out, "price is running\n", "{}", created.err);
    // The country of a unit is told once: only the store can know its arm afterwards.
    let arm = |server: &Server, unit: u32, attributes: Value| {
        let body = json!({ "unit": format!("u{unit}"), "attributes": attributes });
        let (status, assigned) = post(server, "/api/v1/ab/tests/price/assign", body);
        assert_eq!((status, &assigned["in_test"]), (200, &json!(true)), "{assigned}");
        assigned["name"].clone()
    };
    let arms: Vec<Value> = (0..300).map(|unit| arm(&server, unit, json!({ "country": "SE" }))).collect();
    let events: Vec<Value> = (0..900)
        .map(|n| {
            let (id, unit) = (format!("e{n}"), format!("u{}", n % 300));
            json!({ "id": id, "name": "booked", "unit": unit, "value": 0.1 * f64::from(n) })
        })
        .collect();
    for batch in events.chunks(90) {
        let (_, told) = post(&server, "/api/v1/ab/events", json!({ "events": batch }));
        assert_eq!(told["added"], 90, "{told}");
    }
    let decide = |server: &Server| {
        let ended =
            project.run_with(&["ab", "decide", "price", "--json"], &[("MAINSPRING_URL", &server.url)]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        serde_json::from_str::<Value>(&ended.out).unwrap()
    };
    let before = decide(&server);
    server.kill();
    server = Server::start(&project);
    assert_eq!(decide(&server), before, "the same units, events and decision, and no other");
    for (unit, seen) in (0..300).zip(&arms) {
        assert_eq!(arm(&server, unit, json!({})), *seen, "u{unit}");
    }
    for batch in events.chunks(90) {
        let (_, told) = post(&server, "/api/v1/ab/events", json!({ "events": batch }));
        assert_eq!(told, json!({ "added": 0, "known_before": 90 }));
    }
    assert_eq!(decide(&server)["decision"]["snapshot"]["metrics"], before["decision"]["snapshot"]["metrics"]);
    let units = before["decision"]["snapshot"]["units"].as_array().unwrap();
    let of = |name: &str| json!(arms.iter().filter(|arm| **arm == name).count());
    assert_eq!(units, &[of("now"), of("lower")]);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    let number = before["number"].to_string();
    assert_eq!(run(&["ab", "replay", "price", &number]).code, 0);
    assert_eq!(run(&["audit", "verify"]).code, 0);
}

#[test]
fn a_test_is_revised_and_stopped_for_the_record() {
    let project = Project::new();
    let server = Server::start(&project);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    project.write("price.yaml", PRICE);
    assert_eq!(run(&["ab", "create", "price.yaml", "--start"]).out, "price is running\n");
    let revise = |file: String, reason: &str| {
        project.write("price.yaml", &file);
        let revised = run(&["ab", "revise", "price.yaml", "--reason", reason]);
        assert_eq!(revised.code, 0, "{}", revised.err);
        revised.out
    };
    let told = PRICE.to_owned() + "hypothesis: Lower prices sell more.\n";
    assert_eq!(revise(told.clone(), "say why"), "price is running\n", "nothing is counted differently");
    let paid = told.replace("{event: booked}", "{event: paid}");
    assert_eq!(
        revise(paid.clone(), "a booking is not yet money"),
        "the metrics changed: phase 2 begins, and counts from now on\nprice is running\n"
    );
    assert_eq!(
        revise(paid.replace("{name: lower}", "{name: lower, weight: 3}"), "more for the candidate"),
        "the arms or their weights changed: phase 3 begins, and counts from now on\nprice is running\n"
    );
    let test = server.get("/api/v1/ab/tests/price");
    let phases: Vec<&Value> =
        test["phases"].as_array().unwrap().iter().map(|phase| &phase["reason"]).collect();
    assert_eq!(phases, ["described", "a booking is not yet money", "more for the candidate"]);
    assert_eq!(test["arms"][1]["weight"], 0.75);
    let recorded = || -> Vec<Value> {
        let audit = server.get("/api/v1/audit?subject=ab_test:&limit=100");
        audit["entries"].as_array().unwrap().iter().rev().cloned().collect()
    };
    let revised = recorded().into_iter().filter(|event| event["action"] == "ab_test.revised");
    let revised: Vec<(Value, Value)> =
        revised.map(|event| (event["reason"].clone(), event["details"].clone())).collect();
    assert_eq!(
        revised,
        [
            (json!("say why"), json!({ "phase": 1, "changed": null })),
            (json!("a booking is not yet money"), json!({ "phase": 2, "changed": "the metrics" })),
            (json!("more for the candidate"), json!({ "phase": 3, "changed": "the arms or their weights" })),
        ]
    );
    let other = PRICE.replace("name: price", "name: prices");
    project.write("other.yaml", &other);
    assert_eq!(run(&["ab", "revise", "other.yaml"]).code, 1, "there is no such test");

    assert_eq!(run(&["ab", "stop", "price", "--reason", "enough"]).out, "price is ended: stopped: enough\n");
    let again = run(&["ab", "stop", "price"]);
    assert_eq!(again.code, 1, "{}", again.out);
    assert!(again.err.contains("the A/B test `price` does not run"), "{}", again.err);
    assert!(again.err.contains("`mainspring ab list` shows those that do"), "{}", again.err);
    let late = run(&["ab", "revise", "price.yaml"]);
    assert!(late.code == 1 && late.err.contains("has ended"), "{}", late.err);
    let ended = recorded().into_iter().filter(|event| event["action"] == "ab_test.ended");
    let outcomes: Vec<Value> = ended.map(|event| event["details"]["outcome"].clone()).collect();
    assert_eq!(outcomes, ["stopped: enough"]);
}

#[test]
fn a_test_is_planned_and_simulated_beforehand() {
    let project = Project::new();
    let server = Server::start(&project);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    // 13,492 in each arm tell 90 % from 91 % with 80 % power; pairs with 3 % discordance need a sixth.
    let planned = run(&["ab", "plan", "proportion", "--baseline", "0.9", "--effect", "0.01", "--json"]);
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    let control = planned["control"].as_u64().unwrap();
    assert!((13_400..13_600).contains(&control), "{planned}");
    let paired = run(&["ab", "plan", "paired", "--discordance", "0.03", "--effect", "0.01"]);
    assert!(paired.out.contains("2353 requests that both models answer"), "{}", paired.out);
    assert_eq!(run(&["ab", "plan", "mean", "--effect", "1"]).code, 2, "a mean needs a deviation");
    assert_eq!(run(&["ab", "plan", "mean", "--effect", "0", "--deviation", "1"]).code, 1);
    project.write("price.yaml", PRICE);
    let simulated = run(&["ab", "simulate", "price.yaml", "--runs", "50", "--effect", "0.5", "--json"]);
    let simulated: Value = serde_json::from_str(&simulated.out).unwrap();
    assert_eq!(simulated["first_candidate_wins"], 1.0, "{simulated}");
}

#[test]
fn a_database_that_does_not_answer_is_told_and_its_address_is_not() {
    let project = Project::new();
    project.write(
        "mainspring.toml",
        "[project]\nname = \"prices\"\n[warehouse.dwh]\nuri = \"postgresql://ada:hush@127.0.0.1:1/orders\"\n",
    );
    let server = Server::start(&project);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    let asked = PRICE.replace("{event: booked}", "{sql: 'SELECT unit, time FROM booked', source: dwh}");
    project.write("other.yaml", &asked.replace("source: dwh", "source: dwhs"));
    let other = run(&["ab", "create", "other.yaml"]);
    assert!(other.code != 0 && other.err.contains("did you mean `dwh`?"), "{}", other.err);
    project.write("price.yaml", &asked);
    assert_eq!(run(&["ab", "create", "price.yaml", "--start"]).out, "price is running\n");
    let message = "metric `booked`, warehouse `dwh`: the database cannot be reached: ";
    let decided = run(&["ab", "decide", "price"]);
    assert_eq!(decided.code, 1, "{}", decided.out);
    assert!(
        decided.err.contains(message) && decided.err.contains("the next look tries again"),
        "{}",
        decided.err
    );
    let (status, answer) = post(&server, "/api/v1/ab/tests/price/do/decide", json!({}));
    assert_eq!(status, 409, "{answer}");
    let shown = run(&["ab", "status", "price"]).out;
    assert!(
        shown.starts_with("price: running") && shown.contains(" failed: the A/B test `price`"),
        "{shown}"
    );
    assert!(shown.contains(message) && shown.contains("nothing was looked at yet"), "{shown}");
    let test: Value = serde_json::from_str(&run(&["ab", "status", "price", "--json"]).out).unwrap();
    assert!(test["look_failed"]["message"].as_str().unwrap().contains(message), "{test}");
    let events = ureq::get(format!("{}/api/v1/events?limit=100", server.url)).call().unwrap();
    let events = events.into_body().read_to_string().unwrap();
    assert!(events.contains("ab_test.created"), "{events}");
    for said in [&decided.err, &shown, &answer.to_string(), &test.to_string(), &events] {
        assert!(!said.contains("hush") && !said.contains("127.0.0.1:1/"), "{said}");
    }
}

const RANKED: &str = "name: ranking\nmode: interleaved\narms: [{name: old}, {name: new}]\n\
    metrics: {clicks: {event: clicked, outcome: count, window: 1s}}\ngoals: [{metric: clicks, better: higher}]\n\
    plan: {planned_units: 400, minimum_runtime: 0s, look_every: 1h}\n";

#[test]
fn two_rankings_are_merged_and_clicks_decide() {
    let project = Project::new();
    let server = Server::start(&project);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    project.write("ranking.yaml", RANKED);
    assert_eq!(run(&["ab", "create", "ranking.yaml", "--start"]).out, "ranking is running\n");
    let merge = |body: Value| post(&server, "/api/v1/ab/tests/ranking/interleave", body);
    let lists = json!({ "old": ["a", "b", "c"], "new": ["b", "d", "a", "e"] });
    let mut clicks = Vec::new();
    for n in 0..200 {
        let body = json!({ "request": format!("r{n}"), "lists": lists });
        let (status, merged) = merge(body.clone());
        assert_eq!(status, 200, "{merged}");
        assert_eq!(merged, merge(body).1, "the same request gets the same list");
        let list = merged["list"].as_array().unwrap();
        assert_eq!((list.len(), &merged["in_test"], &merged["phase"]), (5, &json!(true), &json!(1)));
        let arms = |arm: Value| list.iter().filter(|one| one["arm"] == arm).count();
        assert!(arms(json!("old")) >= 1 && arms(json!("new")) >= 1 && arms(Value::Null) == 2, "{merged}");
        let liked = list.iter().find(|one| one["arm"] == "new").unwrap();
        let id = format!("c{n}");
        clicks
            .push(json!({ "id": id, "name": "clicked", "request": format!("r{n}"), "item": liked["item"] }));
    }
    let (_, told) = post(&server, "/api/v1/ab/events", json!({ "events": clicks }));
    assert_eq!(told, json!({ "added": 200, "known_before": 0 }));
    for (bad, part) in [
        (json!({ "request": "r", "lists": { "old": ["a"] } }), "no list of its arm `new`"),
        (json!({ "request": "r", "lists": { "old": ["a"], "new": ["a", "a"] } }), "names `a` twice"),
        (json!({ "request": "r", "lists": { "old": [""], "new": ["a"] } }), "`item` has 1 to 250 bytes"),
        (json!({ "request": "", "lists": { "old": [], "new": [] } }), "`request` has 1 to 250 bytes"),
        (json!({ "request": "r", "lists": { "old": vec!["a"; 1001], "new": [] } }), "more than 1000 items"),
        (json!({ "lists": { "old": [], "new": [] } }), "request"),
        (json!({ "request": "r1", "unit": "another", "lists": lists }), "give each request an id of its own"),
    ] {
        let (status, answer) = merge(bad);
        assert!((400..500).contains(&status) && answer.to_string().contains(part), "{answer}");
    }
    for bad in [
        json!({ "events": [{ "id": "x", "name": "clicked", "request": "r1" }] }),
        json!({ "events": [{ "id": "x", "name": "clicked" }] }),
        json!({ "events": [{ "id": "x", "name": "clicked", "unit": "u", "request": "r1", "item": "" }] }),
    ] {
        assert_eq!(post(&server, "/api/v1/ab/events", bad).0, 400);
    }
    assert_eq!(post(&server, "/api/v1/ab/tests/ranking/assign", json!({ "unit": "u" })).0, 409);
    assert_eq!(run(&["ab", "simulate", "ranking.yaml"]).code, 2);
    // A unit is judged when two windows and a few seconds are over.
    let begun = Instant::now();
    let decided = loop {
        let decided = run(&["ab", "decide", "ranking"]);
        if decided.out.contains("`new` wins") || begun.elapsed() > Duration::from_secs(60) {
            break decided;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(decided.out.contains("`new` wins"), "{}{}", decided.out, decided.err);
    assert_eq!(run(&["ab", "replay", "ranking"]).code, 0);
}

#[test]
fn buckets_stick_in_the_documents_of_clients() {
    let project = Project::new();
    let server = Server::start(&project);
    let run = |arguments: &[&str]| project.run_with(arguments, &[("MAINSPRING_URL", &server.url)]);
    let sticky = "assignment: {coverage: 0.01, sticky: true, bucket_version: 2, min_bucket_version: 1}";
    let file = PRICE.replace("assignment: {where: [{attribute: country, in: [SE, NO]}]}", sticky);
    project.write("price.yaml", &file);
    assert_eq!(run(&["ab", "create", "price.yaml", "--start"]).out, "price is running\n");
    let assign = |body: Value| post(&server, "/api/v1/ab/tests/price/assign", body);
    let documents = |entries: Value| json!({ "id||u1": { "attributeName": "id", "attributeValue": "u1", "assignments": entries } });
    let asked =
        |entries: Value| assign(json!({ "unit": "u1", "stickyBucketAssignmentDocs": documents(entries) })).1;
    assert_eq!(asked(json!({ "price__0": "lower" }))["in_test"], false, "put out by its version");
    let kept = asked(json!({ "price__2": "lower" }));
    assert_eq!(kept["name"], "lower");
    assert_eq!(kept["stickyBucketAssignmentDocs"], documents(json!({ "price__2": "lower" })));
    let entries: serde_json::Map<String, Value> =
        (0..1001).map(|n| (format!("t{n}__0"), json!("a"))).collect();
    for bad in [documents(json!(entries)), json!({ "id||other": documents(json!({}))["id||u1"] }), json!([])]
    {
        let (status, answer) = assign(json!({ "unit": "u1", "stickyBucketAssignmentDocs": bad }));
        assert!((400..500).contains(&status), "{answer}");
    }
    let many: serde_json::Map<String, Value> = (0..65).map(|n| (n.to_string(), json!(n))).collect();
    assert_eq!(assign(json!({ "unit": "u1", "attributes": many })).0, 400);
}
