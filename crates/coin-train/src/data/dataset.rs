//! The cases of each subset, and the training batches and evaluation samples made from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use coin_core::bundle::Normalisation;
use coin_imaging::augmentation::Augmentation;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::cases::{Cases, Preprocessing};
use super::description::Unit;
use super::windows::Windows;
use super::{Row, Sample, SliceTable, Subset, description};
use crate::Error;
use crate::recipe::{AnomalyRecipe, DataRecipe, Finding, MOST_PHANTOMS, Protocol};

/// Number of evaluation samples per slice of a folder, each with another synthetic anomaly.
const INSERTIONS: u64 = 2;

/// First phantom seed of each subset; the ranges do not overlap.
const PHANTOM_SPLITS: [u64; 3] = [0, MOST_PHANTOMS as u64, 2 * MOST_PHANTOMS as u64];

/// A data set, split into training, validation and test cases.
#[derive(Debug)]
pub struct Dataset {
    /// Description for model cards.
    pub description: String,
    /// SHA-256 of the data and its split.
    pub digest: String,
    /// Modality of the images.
    pub modality: String,
    /// Unit of the intensities; arbitrary unless all images are in HU.
    pub unit: Unit,
    /// Intensities that are mapped to -1 and 1. Percentiles over the data set are already resolved to a window.
    pub normalisation: Normalisation,
    train: Cases,
    validation: Arc<Cases>,
    test: Arc<Cases>,
    insertions: u64,
    /// Whether synthetic anomalies are inserted for evaluation.
    inserts: bool,
    /// Whether synthetic anomalies are inserted in training.
    inserts_in_training: bool,
    /// Indices of normal training slices.
    normal: Vec<usize>,
    /// Indices of normal and abnormal training slices, if batches are balanced.
    balance: Option<[Vec<usize>; 2]>,
}

impl Dataset {
    /// Opens the data of a protocol for `subsets`. `table` is required if the source is a folder.
    ///
    /// # Errors
    /// If a subset has no slices, or the patients cannot be split as the protocol says.
    pub fn open(protocol: &Protocol, table: Option<&SliceTable>, subsets: &[Subset]) -> anyhow::Result<Self> {
        match (&protocol.data, table) {
            (DataRecipe::Phantom { train, validation, test }, None) => {
                let counts = [*train, *validation, *test];
                let normalisation = protocol.input.normalisation;
                let Some(window) = Windows::of(normalisation, &[], &[])?.fixed() else {
                    return Err(Error::Usage("input.normalisation: phantoms are in HU; set a window".into()).into());
                };
                let cases = |subset: Subset| {
                    let split = subset as usize;
                    let count = if subsets.contains(&subset) { counts[split] } else { 0 };
                    Cases::phantoms(PHANTOM_SPLITS[split], count, protocol.input.size, window)
                };
                let trained = cases(Subset::Train);
                Ok(Self {
                    description: format!("procedural abdomen phantoms: {train} patients to train on"),
                    digest: hex::encode(Sha256::digest(format!("phantoms {train} {validation} {test}"))),
                    modality: description::CT.to_owned(),
                    unit: Unit::Hu,
                    normalisation,
                    normal: trained.of_label(false),
                    train: trained,
                    validation: Arc::new(cases(Subset::Validation)),
                    test: Arc::new(cases(Subset::Test)),
                    insertions: 1,
                    inserts: true,
                    inserts_in_training: true,
                    balance: None,
                })
            }
            (DataRecipe::Slices { .. }, None) => Err(Error::Usage(format!(
                "recipe {} needs slices; name them with --data KIND:DIR, for instance --data slices:DIR",
                protocol.name
            ))
            .into()),
            (data, Some(table)) => Ok(Self::of_table(data, protocol, table, subsets)?),
        }
    }

    fn of_table(data: &DataRecipe, protocol: &Protocol, table: &SliceTable, subsets: &[Subset]) -> Result<Self, Error> {
        let (name, selection) = data.selection();
        let task = &protocol.task;
        table.check(task)?;
        if matches!(protocol.input.normalisation, Normalisation::Window(_)) && table.has_several_units() {
            let reason = format!(
                "{}: some of the data are in HU and some are not, so one window does not fit; normalise by percentiles",
                table.name()
            );
            return Err(Error::Usage(reason));
        }
        let assigned = selection.split.assign(table, task)?;
        let left_out = table.patients().iter().filter(|patient| !assigned.contains_key(*patient)).count();
        if left_out > 0 {
            tracing::warn!("{}: {left_out} patients are not assigned to a split and are skipped", table.name());
        }
        let preprocessing = preprocessing(protocol, table, &assigned)?;
        let cases = |subset: Subset| {
            if !subsets.contains(&subset) {
                return Ok(Cases::default());
            }
            let rows = table.rows().iter().filter(|row| assigned.get(&row.patient) == Some(&subset));
            let cases = Cases::of_rows(rows, subset, &preprocessing);
            match cases.is_empty() {
                true => {
                    Err(Error::Empty { data: table.name().to_owned(), split: subset.name(), wanted: task.wanted() })
                }
                false => Ok(cases),
            }
        };
        let (train, validation, test) = (cases(Subset::Train)?, cases(Subset::Validation)?, cases(Subset::Test)?);
        let of = if name.is_empty() { table.name().to_owned() } else { name };
        let inserts = task.finding == Finding::Synthetic;
        let balance = (selection.balanced && !inserts && subsets.contains(&Subset::Train))
            .then(|| [false, true].map(|abnormal| train.of_label(abnormal)));
        if balance.iter().flatten().any(Vec::is_empty) {
            let wanted = "one of the two classes; balanced batches need normal and abnormal slices".into();
            return Err(Error::Empty { data: table.name().to_owned(), split: Subset::Train.name(), wanted });
        }
        let normalisation = match (protocol.input.normalisation, preprocessing.windows.fixed()) {
            (Normalisation::Percentiles { .. }, Some(window)) => Normalisation::Window(window.into()),
            (given, _) => given,
        };
        Ok(Self {
            description: format!("{} training slices of {of}", train.len()),
            digest: table.digest(&assigned),
            modality: table.modality(),
            unit: table.unit(),
            normalisation,
            normal: train.of_label(false),
            train,
            validation: Arc::new(validation),
            test: Arc::new(test),
            insertions: if inserts { INSERTIONS } else { 1 },
            inserts,
            inserts_in_training: task.inserts_in_training(),
            balance,
        })
    }

    /// The same data with `samples` as training slices, which are kept in memory. Nothing is inserted into them in training.
    ///
    /// # Errors
    /// If a sample is not as large as its organ mask.
    pub fn trained_on(&self, samples: Vec<Sample>) -> Result<Self, Error> {
        let cases = samples.into_iter().map(Sample::into_case).collect::<Result<Vec<_>, _>>()?;
        let train = Cases::in_memory(cases);
        Ok(Self {
            description: self.description.clone(),
            digest: self.digest.clone(),
            modality: self.modality.clone(),
            validation: self.validation.clone(),
            test: self.test.clone(),
            inserts_in_training: false,
            normal: train.of_label(false),
            balance: self.balance.is_some().then(|| [false, true].map(|abnormal| train.of_label(abnormal))),
            train,
            ..*self
        })
    }

    /// The slices of `subsets` that show neither the organ nor a finding nor an ignored label. Only slice folders contain such
    /// slices.
    ///
    /// # Errors
    /// If the patients cannot be split as the protocol says.
    pub fn without_organ(protocol: &Protocol, table: &SliceTable, subsets: &[Subset]) -> Result<Cases, Error> {
        let task = &protocol.task;
        let assigned = protocol.data.selection().1.split.assign(table, task)?;
        let shown =
            |row: &Row| [&task.organ.0, task.finding_labels(), &task.ignore.0].iter().any(|of| row.pixels(of) > 0);
        let rows = table.rows().iter().filter(|row| {
            let in_subsets = assigned.get(&row.patient).is_some_and(|subset| subsets.contains(subset));
            in_subsets && !task.organ.0.is_empty() && !shown(row) && row.abnormal.is_none()
        });
        Ok(Cases::normal(rows, &preprocessing(protocol, table, &assigned)?))
    }

    /// The cases of a subset.
    pub fn cases(&self, subset: Subset) -> &Cases {
        match subset {
            Subset::Train => &self.train,
            Subset::Validation => &self.validation,
            Subset::Test => &self.test,
        }
    }

    /// The evaluation samples of `subsets`, determined by `seed`. Each slice of a folder gives two samples with different
    /// synthetic anomalies, because such data sets are small.
    pub fn samples<'a>(&'a self, subsets: &[Subset], anomaly: &'a AnomalyRecipe, seed: u64) -> Samples<'a> {
        let insertions = if anomaly.probability > 0.0 { self.insertions } else { 1 };
        let jobs = |subset: &Subset| {
            let cases = self.cases(*subset);
            (0..insertions).flat_map(|_| 0..cases.len()).zip(0..).map(move |(index, stream)| Job {
                cases,
                index,
                stream,
            })
        };
        let anomaly = self.inserts.then_some(anomaly);
        Samples { jobs: subsets.iter().flat_map(jobs).collect(), anomaly, seed }
    }

    /// The training samples of a batch request. They depend only on its seed and step, not on earlier batches or the number of
    /// threads, so that a resumed run sees the same batches.
    ///
    /// # Errors
    /// If the file of a slice cannot be read.
    pub fn batch(
        &self,
        anomaly: &AnomalyRecipe,
        augmentation: Option<&Augmentation>,
        BatchRequest { seed, step, size, normal }: BatchRequest,
    ) -> Result<Vec<Sample>, Error> {
        let anomaly = self.inserts_in_training.then_some(anomaly);
        (0..size as u64)
            .into_par_iter()
            .map(|i| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(step * size as u64 + i);
                let of_label = match &self.balance {
                    _ if normal => Some(&self.normal),
                    Some(labels) => Some(&labels[usize::from(rng.random_bool(0.5))]),
                    None => None,
                };
                let count = of_label.map_or(self.train.len(), Vec::len);
                let place = rng.random_range(0..count.max(1) as u64) as usize;
                let chosen = of_label.map_or(place, |of_label| of_label.get(place).copied().unwrap_or(0));
                let (case, abnormal) = (self.train.get(chosen)?, self.train.is_abnormal(chosen));
                Ok(match augmentation {
                    Some(augmentation) => {
                        let case = case.augmented(augmentation, &mut rng);
                        Sample::of(&case, abnormal, anomaly, &mut rng)
                    }
                    None => Sample::of(&case, abnormal, anomaly, &mut rng),
                })
            })
            .collect()
    }
}

/// The preprocessing of the slices of a table.
fn preprocessing(
    protocol: &Protocol,
    table: &SliceTable,
    assigned: &BTreeMap<String, Subset>,
) -> Result<Arc<Preprocessing>, Error> {
    let (input, task) = (&protocol.input, protocol.task.clone());
    let trained = table.rows().iter().filter(|row| {
        assigned.get(&row.patient) == Some(&Subset::Train) && task.abnormal(row, Subset::Train).is_some()
    });
    let windows = Windows::of(input.normalisation, table.rows(), &trained.collect::<Vec<_>>())?;
    Ok(Arc::new(Preprocessing { grid: input.into(), windows, task }))
}

/// A request for a training batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchRequest {
    /// Seed of the stage.
    pub seed: u64,
    /// Step of the stage.
    pub step: u64,
    /// Number of samples.
    pub size: usize,
    /// Whether to sample only slices that are normal before anomalies are inserted.
    pub normal: bool,
}

/// Evaluation samples, generated on demand, so that a test set does not have to fit into memory.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    jobs: Vec<Job<'a>>,
    anomaly: Option<&'a AnomalyRecipe>,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    cases: &'a Cases,
    index: usize,
    stream: u64,
}

impl Samples<'_> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The samples at `places`, in this order.
    ///
    /// # Errors
    /// If the file of a slice cannot be read.
    ///
    /// # Panics
    /// If a place is not below [`Self::len`].
    pub fn at(&self, places: &[usize]) -> Result<Vec<Sample>, Error> {
        places.par_iter().map(|&place| self.sample(self.jobs[place])).collect()
    }

    /// All samples in batches of `size`, each with its index.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = Result<Vec<(usize, Sample)>, Error>> + '_ {
        (0..self.len()).step_by(size.max(1)).map(move |start| {
            let places: Vec<usize> = (start..self.len().min(start + size.max(1))).collect();
            let samples = self.at(&places)?;
            Ok(places.into_iter().zip(samples).collect())
        })
    }

    fn sample(&self, Job { cases, index, stream }: Job<'_>) -> Result<Sample, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        let case = cases.get(index)?;
        Ok(Sample::of(&case, cases.is_abnormal(index), self.anomaly, &mut rng))
    }
}
