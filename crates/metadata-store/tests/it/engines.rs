//! Both engines hold the same and answer alike.

use crate::{actor, at, change, on_postgres, on_sqlite, pair, read, run_info};
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_domain::tracking::{
    DatasetInput, Experiment, Lifecycle, LoggedModel, LoggedModelStatus, Metric, RunInfo, RunStatus,
};
use mainspring_metadata_store::traits::ModelMetric;
use mainspring_metadata_store::traits::search::{
    Attribute, Condition, DatasetProperty, Field, Operand, Operator, Search, SortKey, View,
};
use mainspring_metadata_store::{Result, Store, WriteTx};

/// Texts with capitals, accents and the signs that patterns give a meaning to.
const TEXTS: [&str; 16] =
    ["a", "B", "b", "A", "a%", "a_c", "abc", "ä", "Ä", "", "\\", "a*c", "[a]", "?", "10", "9"];
const PATTERNS: [&str; 12] = ["a%", "A%", "_", "%c", "a\\%", "%*%", "[a]", "ä", "Ä%", "%", "", "?"];
const NUMBERS: [f64; 8] = [0.0, 1.0, -1.0, 0.5, 2.5, 1e300, 3.0, 1000.0];
const OPERATORS: [Operator; 12] = [
    Operator::Equal,
    Operator::NotEqual,
    Operator::Greater,
    Operator::GreaterOrEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Like,
    Operator::ILike,
    Operator::In,
    Operator::NotIn,
    Operator::IsNull,
    Operator::IsNotNull,
];

/// What can be searched, with its fields of numbers and of texts.
struct Kind {
    name: &'static str,
    numbers: Vec<Field>,
    texts: Vec<Field>,
    unsorted: Vec<Field>,
}

fn kinds() -> Vec<Kind> {
    let attributes = |all: &[Attribute]| all.iter().copied().map(Field::Attribute).collect::<Vec<_>>();
    let (metric, param, tag) =
        (Field::Metric("auc".into()), Field::Param("p".into()), Field::Tag("t".into()));
    let with = |mut all: Vec<Field>, more: &[&Field]| {
        all.extend(more.iter().map(|field| (*field).clone()));
        all
    };
    use Attribute as A;
    vec![
        Kind {
            name: "runs",
            numbers: with(attributes(&[A::Start, A::End, A::Duration, A::Experiment]), &[&metric]),
            texts: with(
                attributes(&[A::Id, A::Name, A::Status, A::User, A::ArtifactUri, A::Experiment]),
                &[&param, &tag],
            ),
            unsorted: vec![
                Field::Dataset(DatasetProperty::Name),
                Field::Dataset(DatasetProperty::Digest),
                Field::Dataset(DatasetProperty::Context),
            ],
        },
        Kind {
            name: "experiments",
            numbers: attributes(&[A::Id, A::Created, A::Updated]),
            texts: with(attributes(&[A::Id, A::Name, A::ArtifactUri]), &[&tag]),
            unsorted: vec![],
        },
        Kind {
            name: "logged models",
            numbers: with(attributes(&[A::Created, A::Updated]), &[&metric]),
            texts: with(
                attributes(&[A::Id, A::Name, A::Status, A::ModelType, A::SourceRun, A::ArtifactUri]),
                &[&param, &tag],
            ),
            unsorted: vec![],
        },
        Kind {
            name: "registered models",
            numbers: attributes(&[A::Created, A::Updated]),
            texts: with(attributes(&[A::Name]), &[&tag]),
            unsorted: vec![],
        },
        Kind {
            name: "versions",
            numbers: attributes(&[A::Version, A::Created, A::Updated]),
            texts: with(attributes(&[A::Name, A::SourceRun, A::Source, A::Stage, A::User]), &[&tag]),
            unsorted: vec![],
        },
    ]
}

fn fill(tx: &mut dyn WriteTx) -> Result<()> {
    for (index, text) in TEXTS.into_iter().enumerate() {
        let number = i64::try_from(index).unwrap_or(0);
        let experiment = tx.next_experiment_id()?;
        tx.insert_experiment(&Experiment {
            id: experiment,
            workspace: mainspring_domain::workspaces::WorkspaceName::default(),
            name: format!("e{text}"),
            artifact_location: text.into(),
            lifecycle: Lifecycle::Active,
            created: at(number % 3),
            updated: at(number % 5),
            tags: if index % 4 == 0 { vec![] } else { vec![pair("t", text)] },
        })?;
        let value = match index % 5 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            _ => NUMBERS[index % NUMBERS.len()],
        };
        let point = |key: &str| Metric { key: key.into(), value, timestamp: at(1), step: number % 2 };
        let run = RunInfo {
            name: text.into(),
            user: TEXTS[(index * 7) % 16].into(),
            status: [RunStatus::Running, RunStatus::Failed][index % 2],
            start: at(number % 4),
            end: (index % 3 > 0).then(|| at(number)),
            ..run_info(&format!("r{index}{text}"))
        };
        tx.insert_run(&run)?;
        let auc = point("auc");
        if index % 6 > 0 {
            tx.insert_metric_points(&run.id, &[auc.clone(), point("other")])?;
            tx.raise_latest_metrics(&run.id, &[&auc])?;
            tx.set_run_tags(&run.id, &[pair("t", text), pair("u", "a")])?;
        }
        if index % 4 > 0 {
            tx.insert_param(&run.id, &pair("p", TEXTS[(index * 3) % 16]))?;
            let tags = if index % 2 == 0 { vec![] } else { vec![pair("mlflow.data.context", text)] };
            tx.insert_inputs(
                &run,
                &[DatasetInput {
                    name: text.into(),
                    digest: format!("{}", index % 3),
                    source_type: String::new(),
                    source: String::new(),
                    schema: None,
                    profile: None,
                    tags,
                }],
            )?;
        }
        let model = format!("m{index}");
        tx.insert_logged_model(&LoggedModel {
            id: model.clone(),
            experiment: 0,
            name: text.into(),
            created: at(number % 4),
            updated: at(number),
            artifact_uri: text.into(),
            status: [LoggedModelStatus::Ready, LoggedModelStatus::Pending][index % 2],
            model_type: TEXTS[(index * 5) % 16].into(),
            source_run: (index % 3 > 0).then(|| run.id.clone()),
            lifecycle: Lifecycle::Active,
            params: vec![pair("p", text)],
            tags: vec![pair("t", TEXTS[(index * 9) % 16])],
        })?;
        if index % 3 > 0 {
            tx.insert_model_metrics(&[ModelMetric {
                model_id: model,
                run_id: run.id.clone(),
                metric: auc,
                dataset_name: (index % 2 > 0).then(|| format!("d{}", index % 3)),
                dataset_digest: (index % 4 > 1).then(|| "1".to_owned()),
            }])?;
        }
        fill_registry(tx, index, number, text, &run.id)?;
    }
    Ok(())
}

fn fill_registry(tx: &mut dyn WriteTx, index: usize, number: i64, text: &str, run: &str) -> Result<()> {
    let name = format!("{text}{}", index % 2);
    tx.insert_registered_model(&RegisteredModel {
        name: name.clone(),
        description: String::new(),
        created: at(number % 3),
        updated: at(number % 5),
        tags: if index.is_multiple_of(2) { vec![] } else { vec![pair("t", text)] },
        aliases: vec![],
    })?;
    for version in 1..=2 {
        tx.insert_model_version(&ModelVersion {
            name: name.clone(),
            version,
            created: at(number % 3),
            updated: at(number % 2),
            stage: [Stage::None, Stage::Production, Stage::Archived][index % 3],
            description: String::new(),
            source: text.into(),
            storage_location: String::new(),
            run_id: (!index.is_multiple_of(3)).then(|| run.to_owned()),
            model_id: None,
            run_link: String::new(),
            user: TEXTS[(index * 11) % 16].into(),
            created_by: actor(),
            tags: if version == 1 { vec![] } else { vec![pair("t", text)] },
            aliases: vec![],
        })?;
    }
    Ok(())
}

/// Numbers that look drawn by chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn condition(&mut self, kind: &Kind) -> Condition {
        let (operator, absent_differs) = (self.pick(&OPERATORS), self.below(3) == 0);
        let textual = matches!(operator, Operator::Like | Operator::ILike | Operator::In | Operator::NotIn);
        if !textual && self.below(2) == 0 {
            let field = self.pick(&kind.numbers);
            return Condition {
                field,
                operator,
                operand: Operand::Number(self.pick(&NUMBERS)),
                absent_differs,
            };
        }
        let operand = match operator {
            Operator::Like | Operator::ILike => Operand::Text(self.pick(&PATTERNS).into()),
            Operator::In | Operator::NotIn => {
                Operand::Texts((0..self.below(4) + 1).map(|_| self.pick(&TEXTS).into()).collect())
            }
            _ => Operand::Text(self.pick(&TEXTS).into()),
        };
        let fields = [kind.texts.as_slice(), &kind.unsorted].concat();
        Condition { field: self.pick(&fields), operator, operand, absent_differs }
    }

    fn search(&mut self, kind: &Kind) -> Search {
        let fields = [kind.texts.as_slice(), &kind.numbers].concat();
        Search {
            conditions: (0..self.below(3)).map(|_| self.condition(kind)).collect(),
            order: (0..self.below(3))
                .map(|_| SortKey { field: self.pick(&fields), descending: self.below(2) == 0 })
                .collect(),
            limit: 5 + self.below(40),
            offset: self.below(4),
            measured_on: match self.below(5) {
                0 if kind.name == "logged models" => {
                    vec![("d1".into(), Some("1".into())), ("d2".into(), None)]
                }
                _ => vec![],
            },
        }
    }
}

async fn answer(store: &Store, kind: &'static str, search: Search) -> Vec<String> {
    read(store, move |tx| {
        Ok(match kind {
            "runs" => {
                tx.search_runs(&[0, 1], View::All, &search)?.iter().map(|run| format!("{run:?}")).collect()
            }
            "experiments" => {
                tx.search_experiments(View::Active, &search)?.iter().map(|found| found.name.clone()).collect()
            }
            "logged models" => {
                tx.search_logged_models(&[0], &search)?.iter().map(|found| format!("{found:?}")).collect()
            }
            "registered models" => {
                tx.search_registered_models(&search)?.iter().map(|found| format!("{found:?}")).collect()
            }
            _ => tx.search_model_versions(&search)?.iter().map(|found| format!("{found:?}")).collect(),
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_the_same_in_the_same_order() {
    let Some(other) = on_postgres() else { return };
    let world = on_sqlite();
    let (sqlite, postgres) = (world.store(), other.store());
    for store in [&sqlite, &postgres] {
        // That one's time of creation is its database's.
        change(store, |tx| {
            let default = tx.experiment(0)?.unwrap();
            tx.update_experiment(&Experiment { lifecycle: Lifecycle::Deleted, ..default })
        })
        .await;
        change(store, fill).await;
    }
    let (mut dice, mut found) = (Dice(7), 0);
    for kind in kinds() {
        for _ in 0..300 {
            let search = dice.search(&kind);
            let expected = answer(&sqlite, kind.name, search.clone()).await;
            assert_eq!(
                answer(&postgres, kind.name, search.clone()).await,
                expected,
                "{} {search:#?}",
                kind.name
            );
            found += expected.len();
        }
    }
    assert!(found > 3000, "the searches were to find something: {found}");
}
