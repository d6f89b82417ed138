//! The audit trail and the outbox, bookmarks, users and roles.

use crate::{actor, at, change, on_both, read};
use mainspring_domain::access::{AccessToken, Grant, Role, Scope, User};
use mainspring_domain::events::Record;
use mainspring_test_support::TempStore;
use serde_json::json;

on_both! {
    entries_are_found_by_the_beginning_of_their_subject
    the_outbox_is_read_behind_a_bookmark_and_trimmed
    users_have_tokens_and_roles
}

async fn entries_are_found_by_the_beginning_of_their_subject(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        for subject in ["run:a", "run:b", "run:aé", "runs:a", "run;"] {
            tx.record(Record::new("made", subject).because("why not").with(json!({ "n": 1.5 })))?;
        }
        tx.record(Record::new("changed", "run:a"))
    })
    .await;
    let found = read(&store, |tx| tx.audit_entries("run:a", 10)).await;
    let seen: Vec<(i64, &str)> =
        found.iter().map(|entry| (entry.event.seq, entry.event.subject.as_str())).collect();
    assert_eq!(seen, [(6, "run:a"), (3, "run:aé"), (1, "run:a")], "newest first");
    assert_eq!(found[2].event.details, json!({ "n": 1.5 }));
    assert_eq!(found[2].event.reason.as_deref(), Some("why not"));
    assert_eq!(read(&store, |tx| tx.audit_entries("", 100)).await.len(), 6);
    let first = read(&store, |tx| tx.first_audit_entry("made", "run:a")).await.unwrap();
    assert_eq!((first.event.seq, first.event.actor), (1, actor()));
    let recent = read(&store, |tx| tx.recent_events(&["changed", "nothing"], 2)).await;
    assert_eq!(recent.iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 4]);
    assert_eq!(read(&store, |tx| tx.recent_events(&[], 1)).await[0].seq, 6);
}

async fn the_outbox_is_read_behind_a_bookmark_and_trimmed(world: TempStore) {
    let store = world.store();
    for _ in 0..5 {
        change(&store, |tx| tx.record(Record::new("made", "x"))).await;
    }
    assert_eq!(read(&store, |tx| tx.cursor("loop")).await, 0);
    change(&store, |tx| {
        tx.set_cursor("loop", 2)?;
        tx.set_cursor("loop", 3)?;
        tx.trim_outbox(2)
    })
    .await;
    assert_eq!(read(&store, |tx| tx.cursor("loop")).await, 3);
    let seqs = |events: Vec<mainspring_domain::events::Event>| {
        events.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(read(&store, |tx| tx.outbox_after(0, 2)).await), [3, 4]);
    assert_eq!(seqs(read(&store, |tx| tx.outbox_after(4, 9)).await), [5]);
    assert_eq!(read(&store, |tx| tx.audit_entries("", 9)).await.len(), 5, "the trail keeps them");
}

async fn users_have_tokens_and_roles(world: TempStore) {
    let store = world.store();
    let token = AccessToken {
        id: "t1".into(),
        user: "ada".into(),
        label: "laptop".into(),
        created: at(1),
        expires: Some(at(9)),
    };
    let kept = token.clone();
    let changed = change(&store, move |tx| {
        for name in ["bob", "ada"] {
            tx.insert_user(&User { name: name.into(), created: at(1) })?;
        }
        tx.insert_access_token(&kept, "hash")?;
        let scope = Scope::Model("m".into());
        let changed = [
            tx.set_grant("ada", &scope, Some(Role::Editor))?,
            tx.set_grant("ada", &scope, Some(Role::Editor))?,
            tx.set_grant("ada", &scope, Some(Role::Admin))?,
            tx.set_grant("bob", &scope, None)?,
        ];
        tx.move_grants(&scope, &Scope::Model("n".into()))?;
        Ok(changed)
    })
    .await;
    assert_eq!(changed, [true, false, true, false]);
    let names: Vec<String> = read(&store, |tx| tx.users()).await.into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["ada", "bob"]);
    assert_eq!(read(&store, |tx| tx.access_token("hash")).await, Some(token));
    let scope = Scope::Model("n".into());
    let grant = Grant { user: "ada".into(), scope: scope.clone(), role: Role::Admin };
    assert_eq!(read(&store, move |tx| tx.grants_on(&scope)).await, [grant]);
    assert!(change(&store, |tx| tx.delete_user("ada")).await);
    assert_eq!(read(&store, |tx| tx.grants_of("ada")).await, [], "roles and tokens go with their user");
    assert_eq!(read(&store, |tx| tx.access_tokens("ada")).await, []);
}
