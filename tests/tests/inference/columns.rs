//! Columns and rows that a posterior has learned from, found again in what it predicts at.

use smc_runtime::data::Table;
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = 0.3))]
#[infer(smc(particles = 16))]
struct Plane {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<Dyn, 1>,
}

/// Two features that count differently, and one that does not.
fn text(order: [usize; 3], rows: std::ops::Range<usize>) -> String {
    let line = |fields: [&str; 3], last: &str| {
        let [a, b, c] = order.map(|at| fields[at]);
        format!("{a},{b},{c},{last}\n")
    };
    let row = |i: usize| {
        let x = [0.0, 1.1, 2.3].map(|phase| (i as f64 * 1.7 + phase * i as f64).sin());
        let y = 1.5 * x[0] - 0.5 * x[1] + 0.1 * (i as f64).cos();
        let x = x.map(|x| x.to_string());
        line([&x[0], &x[1], &x[2]], &y.to_string())
    };
    line(["size", "age", "rooms"], "price") + &rows.map(row).collect::<String>()
}

fn table(order: [usize; 3], rows: std::ops::Range<usize>) -> Dataset {
    Table::new()
        .read_bytes("houses", text(order, rows).as_bytes())
        .unwrap()
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let train = table([0, 1, 2], 0..40);
    for standardised in [false, true] {
        let run = Plane::infer(&train).seed(1);
        let run = if standardised {
            run.standardise(Standardise::fit(&train))
        } else {
            run
        };
        let posterior = run.run().unwrap();
        let bits = |data: &Dataset| -> Vec<u64> {
            let densities = posterior.predict(data).unwrap().log_densities();
            densities.into_iter().map(f64::to_bits).collect()
        };
        let expected = bits(&table([0, 1, 2], 40..60));
        for order in [[2, 0, 1], [1, 0, 2]] {
            assert_eq!(bits(&table(order, 40..60)), expected);
            let features = table(order, 40..60);
            let prediction = posterior.predict(features.inputs()).unwrap();
            assert_eq!(prediction.mean().len(), 20);
        }
        let other = table([0, 1, 2], 40..60)
            .with_names(["size", "area", "age"])
            .unwrap();
        let error = posterior
            .predict(&other)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "features by name: expected the 3 columns of the data learned from, in any order, found missing: `rooms`; new: `area`"
        );
        // Without names it is the place that counts.
        let named = table([0, 1, 2], 40..60);
        let bare = Dataset::new(3, named.features().to_vec(), named.targets().to_vec()).unwrap();
        assert_eq!(bits(&bare), expected);
    }
}

#[test]
fn scores_say_how_many_rows_were_learned_from() {
    let train = table([0, 1, 2], 0..40);
    let posterior = Plane::infer(&train).seed(1).run().unwrap();
    let seen = |data: &Dataset| posterior.predict(data).unwrap().summary();
    let (none, some) = (
        seen(&table([0, 1, 2], 40..60)),
        seen(&table([1, 2, 0], 30..60)),
    );
    assert_eq!((none.seen, some.seen), (0, 10));
    assert!(
        some.to_string()
            .starts_with("30 rows (10 of them training rows): LPPD "),
        "{some}"
    );
    assert!(none.to_string().starts_with("20 rows: LPPD "), "{none}");
}

#[test]
fn times_a_minute_apart_are_told_apart_from_the_file_to_the_prediction() {
    let text = |rows: std::ops::Range<usize>| {
        let row = |i: usize| format!("{},{}\n", 1_700_000_000 + 60 * i, i % 2);
        String::from("time,odd\n") + &rows.map(row).collect::<String>()
    };
    let schema = Table::new()
        .learn_bytes("times", text(0..8).as_bytes())
        .unwrap();
    let train = schema.read_bytes("times", text(0..8).as_bytes()).unwrap();
    let apart: Vec<f32> = train
        .features()
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert_eq!(apart, [60.0; 7]);
    let posterior = Plane::infer(&train)
        .standardise(Standardise::fit(&train))
        .run()
        .unwrap();
    let later = schema.read_bytes("later", text(8..10).as_bytes()).unwrap();
    assert!(posterior.predict(&later).is_ok());
    // A file with a centre of its own is brought to that of the training rows.
    let other = Table::new()
        .read_bytes("later", text(8..16).as_bytes())
        .unwrap();
    let mean = |data: &Dataset| posterior.predict(data.inputs()).unwrap().mean();
    assert_eq!(mean(&later)[..], mean(&other)[..2]);
}

#[test]
fn what_matters_is_told_from_what_does_not_within_its_error() {
    let train = table([0, 1, 2], 0..60);
    let posterior = Plane::infer(&train)
        .with(smc().particles(64))
        .seed(2)
        .run()
        .unwrap();
    let importance = posterior.importance(&table([2, 1, 0], 60..200)).unwrap();
    let names: Vec<&str> = importance
        .features
        .iter()
        .map(|f| f.feature.as_str())
        .collect();
    assert_eq!(names, ["size", "age", "rooms"]);
    let [size, age, rooms] = &importance.features[..] else {
        panic!("three features")
    };
    // A column that is shuffled adds β²·2·Var(x)/(2σ²) to the loss: 1.5²·½/.09 and .5²·½/.09.
    for (found, expected) in [(size, 12.5), (age, 1.39)] {
        let off = (found.loss - expected).abs();
        assert!(off < 4.0 * found.error + 0.05 * expected, "{importance}");
    }
    assert!(rooms.loss.abs() < 4.0 * rooms.error + 0.02, "{importance}");
    let one = table([0, 1, 2], 0..1);
    assert!(posterior.importance(&one).is_err());
}

#[test]
fn dependence_is_the_slope_of_a_plane_and_a_probability_of_classes() {
    let train = table([0, 1, 2], 0..60);
    let posterior = Plane::infer(&train)
        .with(smc().particles(64))
        .seed(3)
        .run()
        .unwrap();
    for (feature, slope) in [("size", 1.5), ("age", -0.5), ("rooms", 0.0)] {
        let [dependence] = &posterior.dependence(&train, feature).unwrap()[..] else {
            panic!("one curve")
        };
        for pair in dependence.points.windows(2) {
            let found = (pair[1].mean - pair[0].mean) / (pair[1].value - pair[0].value);
            assert!((found - slope).abs() < 0.25, "{dependence}");
            assert!(pair[0].low <= pair[0].mean && pair[0].mean <= pair[0].high);
        }
    }
    let error = posterior
        .dependence(&train, "sise")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "feature = `sise`: one of `size`, `age`, `rooms`");
}

#[test]
fn the_scale_of_each_feature_stands_beside_what_it_matters() {
    let train = table([0, 1, 2], 0..60);
    let plain = Plane::infer(&train).run().unwrap();
    assert_eq!(plain.importance(&train).unwrap().relevance, None);
    let model = models::ArdRegressor::sized(6);
    let posterior = model.infer_with(&train).seed(4).run().unwrap();
    let importance = posterior.importance(&train).unwrap();
    assert_eq!(
        importance.relevance.as_deref(),
        Some("relevance"),
        "{importance}"
    );
    let scale = |name: &str| {
        let mut features = importance.features.iter();
        features
            .find(|f| f.feature == name)
            .unwrap()
            .relevance
            .unwrap()
    };
    assert!(scale("size") > scale("rooms"), "{importance}");
    // A feature keeps its scale wherever its column stands.
    let turned = posterior.importance(&table([2, 0, 1], 0..60)).unwrap();
    for feature in &turned.features {
        assert_eq!(feature.relevance, Some(scale(&feature.feature)), "{turned}");
    }
}
