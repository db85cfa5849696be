//! Laws of a posterior in a file: it comes back to the bit, with what reads new rows; another model's is refused with what differs; and no damage is read.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use laws::table;
use smc_runtime::data::Table;
use smc_runtime::posterior::saved::inspect;
use smc_runtime::prelude::*;

#[bayes_model]
#[likelihood(Normal(mean = output, sd = noise))]
#[standardise]
struct Net {
    #[prior(Normal(0.0, 1.0))]
    hidden: Linear<2, 3>,
    bend: Tanh,
    #[prior(Normal(0.0, 1.0))]
    output: Linear<3, 1>,
    #[prior(HalfNormal(1.0))]
    noise: Scale,
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("smc-kept-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn data() -> Dataset {
    table(60, 2, 3, |_, x| 300.0 + 20.0 * x[0] - 7.0 * x[1])
}

fn algorithms() -> Vec<Box<dyn Inference>> {
    vec![
        Box::new(smc().particles(12).islands(3)),
        Box::new(mcmc().chains(3).warmup(10).draws(10)),
        Box::new(symmetric().pilots(3).most(9).warmup(10)),
        Box::new(map().epochs(10)),
        Box::new(ensemble().members(3).epochs(10)),
        Box::new(sghmc().chains(2).passes(12)),
        Box::new(score_vi().passes(4)),
        Box::new(mean_field().passes(4)),
        Box::new(bali().passes(4)),
        Box::new(swag().passes(40)),
        Box::new(modes(bali().passes(4), 2)),
        Box::new(bali().passes(4).weighted()),
    ]
}

#[test]
fn what_was_saved_comes_back_to_the_bit() {
    let (data, folder) = (data(), Folder::new());
    let path = folder.file("net.smc");
    for algorithm in algorithms() {
        let name = format!("{algorithm:?}");
        // An address is another in every process.
        assert!(!name.contains("0x"), "{name}");
        let posterior = Net::infer(&data)
            .with_boxed(algorithm)
            .seed(3)
            .run()
            .unwrap();
        let written = posterior.save(&path).unwrap();
        assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
        let again = Net::load(&path).unwrap();
        assert_eq!(again.report(), posterior.report(), "{name}");
        assert_eq!(
            again.positions().values(),
            posterior.positions().values(),
            "{name}"
        );
        assert_eq!(again.log_weights(), posterior.log_weights());
        assert_eq!(again.log_evidence(), posterior.log_evidence());
        assert_eq!(again.drawn_from(), posterior.drawn_from());
        assert_eq!(
            format!("{:?}", again.form()),
            format!("{:?}", posterior.form())
        );
        assert_eq!(
            format!("{}", again.summary()),
            format!("{}", posterior.summary())
        );
        let (one, other) = (
            posterior.predict(&data).unwrap(),
            again.predict(&data).unwrap(),
        );
        assert_eq!(one.log_densities(), other.log_densities(), "{name}");
        assert_eq!((one.mean(), one.sd()), (other.mean(), other.sd()));
        // Rows of training are known again.
        assert_eq!((one.seen(), other.seen()), (60, 60));
        let said = inspect(&path).unwrap();
        assert_eq!((said.seed, said.rows, said.draws), (3, 60, posterior.len()));
        assert!(said.to_string().contains("hidden: Linear<2, 3>"), "{said}");
        assert_eq!(said.settings, name);
    }
}

#[bayes_model]
#[likelihood(Bernoulli(logit = output))]
#[standardise]
struct Kind {
    #[prior(Normal(0.0, 1.0))]
    output: Linear<4, 1>,
}

#[test]
fn new_rows_are_read_by_the_columns_that_came_along() {
    let folder = Folder::new();
    let (train, new) = (folder.file("train.csv"), folder.file("new.csv"));
    let mut text = "size,colour,kind\n".to_owned();
    for i in 0..40 {
        let (colour, kind) = (["red", "green", "blue"][i % 3], ["plum", "pear"][i % 2]);
        let size = 7_000_000_000u64 + i as u64;
        text += &[&size.to_string(), colour, kind].join(",");
        text += "\n";
    }
    std::fs::write(&train, text).unwrap();
    std::fs::write(&new, "colour,size\nblue,7000000003\nred,7000000010\n").unwrap();
    let data = Table::new()
        .target("kind")
        .categorical(["colour"])
        .classes()
        .read(&train)
        .unwrap();
    let posterior = Kind::infer(&data).with(smc().particles(16)).run().unwrap();
    let path = folder.file("kind.smc");
    posterior.save(&path).unwrap();
    std::fs::remove_file(&train).unwrap();
    let again = Kind::load(&path).unwrap();
    let [one, other] = [&posterior, &again].map(|posterior| {
        let rows = posterior.schema().unwrap().read_features(&new).unwrap();
        let said = posterior.predict(&rows).unwrap();
        (
            said.probabilities(0).unwrap(),
            said.probabilities(1).unwrap(),
        )
    });
    assert_eq!(one, other);
    assert_eq!(inspect(&path).unwrap().classes, ["pear", "plum"]);
}

/// The message of what loading says.
fn refused<M: Load + Default>(path: &std::path::Path) -> String {
    M::load(path)
        .err()
        .map(|e| e.to_string())
        .unwrap_or_default()
}

#[test]
fn another_model_is_refused_with_what_differs() {
    mod other {
        use smc_runtime::prelude::*;

        pub(super) mod wider {
            use super::*;
            #[bayes_model]
            #[likelihood(Normal(mean = output, sd = noise))]
            pub(in super::super) struct Net {
                #[prior(Normal(0.0, 1.0))]
                hidden: Linear<2, 5>,
                bend: Tanh,
                #[prior(Normal(0.0, 1.0))]
                output: Linear<5, 1>,
                #[prior(HalfNormal(1.0))]
                noise: Scale,
            }
        }
        pub(super) mod prior {
            use super::*;
            #[bayes_model]
            #[likelihood(Normal(mean = output, sd = noise))]
            pub(in super::super) struct Net {
                #[prior(Normal(0.0, 1.0))]
                hidden: Linear<2, 3>,
                bend: Tanh,
                #[prior(Normal(0.0, 3.0))]
                output: Linear<3, 1>,
                #[prior(HalfNormal(1.0))]
                noise: Scale,
            }
        }
        pub(super) mod likelihood {
            use super::*;
            #[bayes_model]
            #[likelihood(Laplace(mean = output, scale = noise))]
            pub(in super::super) struct Net {
                #[prior(Normal(0.0, 1.0))]
                hidden: Linear<2, 3>,
                bend: Tanh,
                #[prior(Normal(0.0, 1.0))]
                output: Linear<3, 1>,
                #[prior(HalfNormal(1.0))]
                noise: Scale,
            }
        }
    }
    let folder = Folder::new();
    let path = folder.file("net.smc");
    let posterior = Net::infer(&data()).with(map().epochs(2)).run().unwrap();
    posterior.save(&path).unwrap();
    let wider = refused::<other::wider::Net>(&path);
    assert!(
        wider.contains("its `hidden` is Linear<2, 3>, and here it is Linear<2, 5>"),
        "{wider}"
    );
    let prior = refused::<other::prior::Net>(&path);
    assert!(prior.contains("its prior is"), "{prior}");
    let likelihood = refused::<other::likelihood::Net>(&path);
    assert!(
        likelihood.contains("its likelihood is") && likelihood.contains("Laplace"),
        "{likelihood}"
    );
    assert_eq!(refused::<Net>(&path), "");
}

#[test]
fn no_damage_is_read() {
    let folder = Folder::new();
    let path = folder.file("net.smc");
    let data = data();
    let posterior = Net::infer(&data)
        .with(mcmc().chains(2).warmup(4).draws(4))
        .run()
        .unwrap();
    posterior.save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let said = posterior.predict(&data).unwrap().mean();
    let with = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Net::load(&path)
    };
    for end in (0..whole.len()).step_by(61).chain([whole.len() - 1]) {
        assert!(with(&whole[..end]).is_err(), "{end}");
    }
    assert!(with(&[&whole[..], b"0"].concat()).is_err());
    // Of a byte that is another either something is said, or nothing comes of it.
    let mut found = 0;
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        match with(&bytes) {
            Err(_) => found += 1,
            Ok(again) => assert_eq!(again.predict(&data).unwrap().mean(), said, "{at}"),
        }
    }
    assert!(
        found > whole.len() / 7 * 9 / 10,
        "{found} of {}",
        whole.len() / 7
    );
}

/// Headers that ask for what no file has.
#[test]
fn hostile_headers_are_refused() {
    let folder = Folder::new();
    let path = folder.file("hostile.smc");
    let with = |header: &str, body: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + body, 0);
        std::fs::write(&path, bytes).unwrap();
        refused::<Net>(&path)
    };
    let one = |name: &str, shape: &str, from: u64, to: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let long = u64::MAX / 2;
    for (header, body) in [
        (format!("{{{}}}", one("draws", "[2]", 0, long)), 8),
        (
            format!("{{{}}}", one("draws", &format!("[{long},{long}]"), 0, 8)),
            8,
        ),
        (format!("{{{}}}", one("draws", "[2]", 8, 0)), 8),
        (
            format!("{{{},{}}}", one("a", "[2]", 0, 8), one("b", "[2]", 4, 12)),
            12,
        ),
        (format!("{{{}}}", one("draws", "[2]", 0, 8)), 8),
        ("{".to_owned(), 0),
        ("[]".to_owned(), 0),
        ("{}".to_owned(), 0),
    ] {
        let said = with(&header, body);
        assert!(said.contains("hostile.smc"), "{header}: {said}");
    }
    std::fs::write(&path, (1u64 << 63).to_le_bytes()).unwrap();
    assert!(refused::<Net>(&path).contains("a header of at most the 0 bytes"));
    std::fs::write(&path, b"").unwrap();
    assert!(refused::<Net>(&path).contains("0 bytes"));
    assert!(refused::<Net>(&folder.file("nothing.smc")).contains("nothing.smc"));
    assert!(inspect(&path).is_err());
}

#[test]
fn a_newer_format_is_named() {
    let folder = Folder::new();
    let path = folder.file("net.smc");
    let posterior = Net::infer(&data()).with(map().epochs(2)).run().unwrap();
    posterior.saving().note("by", "me").write(&path).unwrap();
    assert_eq!(inspect(&path).unwrap().notes["by"], "me");
    let bytes = std::fs::read(&path).unwrap();
    let text = r#""format":"1""#.as_bytes();
    let at = bytes.windows(text.len()).position(|w| w == text).unwrap();
    let mut newer = bytes.clone();
    newer[at + text.len() - 2] = b'2';
    std::fs::write(&path, newer).unwrap();
    let said = refused::<Net>(&path);
    assert!(
        said.contains("expected 1, found 2, written by smc-runtime"),
        "{said}"
    );
}

#[test]
fn half_of_every_number_costs_what_is_said() {
    let (data, folder) = (data(), Folder::new());
    let (whole, half) = (folder.file("whole.smc"), folder.file("half.smc"));
    let algorithms: [Box<dyn Inference>; 2] = [
        Box::new(mcmc().chains(8).warmup(50).draws(200)),
        Box::new(score_vi().passes(20).draws(400)),
    ];
    for algorithm in algorithms {
        let posterior = Net::infer(&data)
            .with_boxed(algorithm)
            .seed(1)
            .run()
            .unwrap();
        let bytes = posterior.save(&whole).unwrap().bytes;
        let written = posterior.saving().half(data.inputs()).write(&half).unwrap();
        let again = Net::load(&half).unwrap();
        let (one, other) = (
            posterior.predict(&data).unwrap(),
            again.predict(&data).unwrap(),
        );
        let far = one.mean().into_iter().zip(other.mean()).zip(one.sd());
        let squares: f64 = far.map(|((a, b), sd)| ((a - b) / sd).powi(2)).sum();
        let distance = (squares / 60.0).sqrt();
        assert!(distance > 0.0 && (written.distance.unwrap() - distance).abs() < 1e-12);
        assert!(distance < 0.05, "{distance}");
        if posterior.chains().is_some() {
            assert!(written.bytes < bytes);
        }
        assert!(inspect(&half).unwrap().half);
    }
}

#[test]
fn a_file_that_cannot_be_written_leaves_what_was_there() {
    let (data, folder) = (data(), Folder::new());
    let posterior = Net::infer(&data).with(map().epochs(2)).run().unwrap();
    let path = folder.file("net.smc");
    posterior.save(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    // The same content is the same bytes.
    posterior.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let nowhere = folder.file("none").join("net.smc");
    let said = posterior.save(&nowhere).err().unwrap().to_string();
    assert!(said.contains("none"), "{said}");
    // A folder is no file.
    let said = posterior.save(&folder.0).err().unwrap().to_string();
    assert!(said.contains("smc-kept"), "{said}");
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// The raw numbers of an array of a store.
fn floats(store: &std::path::Path, array: &str, dimensions: usize) -> Vec<f64> {
    let chunk = (0..dimensions).fold(store.join(array).join("c"), |path, _| path.join("0"));
    let bytes = std::fs::read(chunk).unwrap();
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|x| f64::from_le_bytes(*x))
        .collect()
}

#[test]
fn an_exported_posterior_has_the_numbers_on_their_natural_scale() {
    let (data, folder) = (data(), Folder::new());
    let posterior = Net::infer(&data)
        .with(mcmc().chains(2).warmup(5).draws(5))
        .run()
        .unwrap();
    let store = folder.file("net.zarr");
    posterior.to_zarr(&store, &data).unwrap();
    let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<_>>();
    let noise = narrow(floats(&store, "posterior/noise", 2));
    let own: Vec<f32> = (0..10).map(|k| *posterior.draw(k).noise).collect();
    assert_eq!(noise, own);
    let weights = floats(&store, "posterior/hidden.weight", 4);
    assert_eq!(weights.len(), 10 * 3 * 2);
    assert_eq!(
        weights[6 * 7 + 3],
        f64::from(posterior.draw(7).hidden.weight[1][1])
    );
    let scored = posterior.predict(&data).unwrap();
    let logs = floats(&store, "log_likelihood/y", 3);
    assert_eq!(logs[4 * 60 + 17], scored.log_densities_of(17)[4]);
    let y = floats(&store, "observed_data/y", 1);
    assert_eq!(y[3], f64::from(data.targets()[3]));
    let about = std::fs::read_to_string(store.join("posterior/zarr.json")).unwrap();
    assert!(about.contains("\"algorithm\":\"mcmc\""), "{about}");
    let there = posterior.to_zarr(&store, &data).err().unwrap().to_string();
    assert!(there.contains("nothing is overwritten"), "{there}");
    let nowhere = posterior.to_zarr(folder.file("none").join("net.zarr"), &data);
    assert!(nowhere.is_err());
    // A cloud: those of equal weight beside those that there are.
    let cloud = Net::infer(&data)
        .with(smc().particles(12).islands(3))
        .run()
        .unwrap();
    let store = folder.file("cloud.zarr");
    cloud.to_zarr(&store, &data).unwrap();
    assert_eq!(
        floats(&store, "weighted_posterior/log_weight", 2),
        cloud.log_weights()
    );
    let there: Vec<f32> = (0..12).map(|k| *cloud.draw(k).noise).collect();
    let even = narrow(floats(&store, "posterior/noise", 2));
    assert!(even.len() == 12 && even.iter().all(|x| there.contains(x)));
}

/// y = w x + noise: without row i, w and y_i are normal by formula.
#[test]
fn leaving_a_row_out_is_what_a_formula_says() {
    #[bayes_model]
    #[likelihood(Normal(mean = output, sd = 1.0))]
    struct Slope {
        #[prior(Normal(0.0, 1.0))]
        output: LinearNoBias<1, 1>,
    }
    let data = table(30, 1, 3, |i, x| {
        0.7 * x[0] + ((i * 7) % 5) as f32 * 0.5 - 1.0
    });
    let chains = mcmc().chains(4).warmup(300).draws(4000);
    let posterior = Slope::infer(&data).with(chains).seed(1).run().unwrap();
    let loo = posterior.loo(&data).unwrap();
    let at = |i: usize| (f64::from(data.features()[i]), f64::from(data.targets()[i]));
    for (i, found) in loo.rows.iter().enumerate() {
        let others = (0..30).filter(|j| *j != i).map(at);
        let (xx, xy) = others.fold((1.0, 0.0), |(a, b), (x, y)| (a + x * x, b + x * y));
        let (x, y) = at(i);
        let (mean, variance) = (x * xy / xx, 1.0 + x * x / xx);
        let exact =
            -0.5 * ((std::f64::consts::TAU * variance).ln() + (y - mean).powi(2) / variance);
        assert!((found - exact).abs() < 0.01, "{i}: {found} {exact}");
    }
    assert!(
        loo.bad().is_empty() && loo.to_string().contains("at every row"),
        "{loo}"
    );
    assert!((loo.elpd - loo.rows.iter().sum::<f64>()).abs() < 1e-9);
    let other = data.select(&[0, 1]).unwrap();
    assert!(posterior.loo(&other).is_ok());
    let strange = table(5, 1, 9, |_, x| x[0]);
    assert!(
        posterior
            .loo(&strange)
            .err()
            .unwrap()
            .to_string()
            .contains("training rows")
    );
    let mode = Slope::infer(&data).with(map()).run().unwrap();
    assert!(
        mode.loo(&data)
            .err()
            .unwrap()
            .to_string()
            .contains("points")
    );
}
