//! A standardisation that is carried with the posterior changes units and nothing else; what a posterior says of its parameters.

use laws::conjugate::{Line, data, exact};
use laws::models::Net;
use smc_runtime::data::TargetScale;
use smc_runtime::prelude::*;

/// Targets in units of their own: y = 100 + 20·z.
fn original() -> Dataset {
    let data = data::<2>(40, 5);
    let targets = data.targets().iter().map(|y| 100.0 + 20.0 * y).collect();
    Dataset::new(2, data.features().to_vec(), targets).unwrap()
}

fn algorithm() -> impl Inference + 'static {
    smc().particles(32).islands(2)
}

#[test]
fn a_carried_standardisation_is_the_same_run_in_other_units() {
    let (train, test) = original().split(0.25, 1).unwrap();
    let scale = Standardise::fit(&train);
    let (mean, sd) = (scale.target_mean(), scale.target_sd());
    let (inner_train, inner_test) = (scale.apply(&train).unwrap(), scale.apply(&test).unwrap());

    let run = |data| {
        Run::new(Line::<2>::default(), data)
            .with(algorithm())
            .seed(3)
    };
    let outer = run(&train).standardise(scale).run().unwrap();
    let inner = run(&inner_train).run().unwrap();
    assert_eq!(outer.positions(), inner.positions());
    assert_eq!(outer.report().target_scale, TargetScale::Original);
    assert_eq!(inner.report().target_scale, TargetScale::Standardised);

    let near = |found: f64, expected: f64| {
        let tolerance = 1e-5 * (1.0 + expected.abs());
        assert!(
            (found - expected).abs() < tolerance,
            "{found}, expected {expected}"
        );
    };
    // p(y_1, ..., y_N) = p(z_1, ..., z_N)·sd^−N.
    let shift = train.rows() as f64 * sd.ln();
    near(
        outer.log_evidence().unwrap(),
        inner.log_evidence().unwrap() - shift,
    );
    for (o, i) in outer.report().islands.iter().zip(&inner.report().islands) {
        near(o.log_evidence, i.log_evidence - shift);
    }
    let (o, i) = (
        outer.predict(&test).unwrap(),
        inner.predict(&inner_test).unwrap(),
    );
    for row in 0..test.rows() {
        near(o.mean()[row], mean + sd * i.mean()[row]);
        near(o.sd()[row], sd * i.sd()[row]);
        near(o.log_densities()[row], i.log_densities()[row] - sd.ln());
        near(o.pit().unwrap()[row], i.pit().unwrap()[row]);
    }
    let (o, i) = (o.summary(), i.summary());
    near(o.rmse.unwrap(), sd * i.rmse.unwrap());
    near(o.lppd, i.lppd - sd.ln());
    assert!(o.to_string().ends_with("target scale original"), "{o}");
    assert!(i.to_string().ends_with("target scale standardised"), "{i}");
    assert!(outer.report().to_string().contains("on the original scale"));
}

#[test]
fn scales_and_classes_are_not_mixed() {
    let data = original();
    let scale = Standardise::fit(&data);
    let scaled = scale.apply(&data).unwrap();
    let run = |data| Run::new(Line::<2>::default(), data).with(smc().particles(4));
    let text = |result: Result<_>| match result {
        Ok(()) => "no error".to_owned(),
        Err(error) => error.to_string(),
    };
    let posterior = run(&scaled).run().unwrap();
    assert_eq!(
        text(posterior.predict(&data).map(|_| ())),
        "targets to predict: expected the standardised scale, as in training, found the original scale"
    );
    let posterior = run(&data).standardise(scale.clone()).run().unwrap();
    assert_eq!(
        text(posterior.predict(&scaled).map(|_| ())),
        "targets to predict: expected the original scale, as in training, found the standardised scale"
    );
    assert_eq!(
        text(run(&scaled).standardise(scale).run().map(|_| ())),
        "targets to standardise: expected targets on the original scale, found standardised ones"
    );
    let classes = |names: [&str; 3]| {
        let data = Dataset::new(1, vec![0.1, 0.2, 0.3], vec![0.0, 1.0, 2.0]).unwrap();
        data.with_classes(names).unwrap()
    };
    let model = laws::models::Softmax::<1, 3>::default();
    let train = classes(["a", "b", "c"]);
    let posterior = Run::new(model, &train)
        .with(smc().particles(4))
        .run()
        .unwrap();
    assert_eq!(
        text(posterior.predict(&classes(["b", "a", "c"])).map(|_| ())),
        "classes to predict: expected [\"a\", \"b\", \"c\"], as in training, found [\"b\", \"a\", \"c\"]"
    );
    let confusion = posterior.predict(&train).unwrap().confusion().unwrap();
    assert_eq!(confusion.classes(), ["a", "b", "c"]);
}

#[test]
fn the_summary_of_a_line_is_its_exact_posterior() {
    let data = data::<2>(40, 5);
    let truth = exact(&data);
    let chains = Run::new(Line::<2>::default(), &data)
        .with(mcmc().chains(8).draws(500))
        .seed(2)
        .run()
        .unwrap();
    let summary = chains.summary();
    for (i, q) in summary.quantities.iter().enumerate() {
        let ess = q.ess.unwrap();
        let sd = truth.sd()[i];
        assert!(ess > 100.0, "{summary}");
        assert!(q.r_hat.is_some_and(|r| r < 1.1), "{summary}");
        // Standard errors of a mean and of a standard deviation (of a normal), from the effective sample size.
        assert!(
            (q.mean - truth.mean[i]).abs() < 5.0 * sd / ess.sqrt(),
            "{summary}"
        );
        assert!(
            (q.sd - sd).abs() < 5.0 * sd / (2.0 * ess).sqrt(),
            "{summary}"
        );
        // The 95 % quantile of a normal, whose standard error is √(p(1 − p)/ESS) over the density there.
        let expected = truth.mean[i] + 1.644_854 * sd;
        assert!(
            (q.quantiles[2] - expected).abs() < 5.0 * 2.12 * sd / ess.sqrt(),
            "{summary}"
        );
    }
}

#[test]
fn a_network_is_summed_up_by_what_its_symmetries_leave_alone() {
    let data = laws::table(30, 1, 4, |_, x| x[0]);
    let cloud = Run::new(Net::default(), &data)
        .with(smc().particles(16))
        .run()
        .unwrap();
    let summary = cloud.summary();
    let names: Vec<&str> = summary.quantities.iter().map(|q| q.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "rms hidden.weight",
            "rms hidden.bias",
            "rms output.weight",
            "output.bias[0]",
            "noise"
        ]
    );
    let kish = 1.0 / cloud.weights().iter().map(|w| w * w).sum::<f64>();
    assert!(
        summary
            .quantities
            .iter()
            .all(|q| q.ess == Some(kish) && q.r_hat.is_some_and(|r| r >= 1.0))
    );
    assert!(summary.to_string().starts_with("parameter"));
}
