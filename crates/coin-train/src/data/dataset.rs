//! Cases for each subset, and the batches and samples that are made of them.

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

/// How often each evaluation slice of a folder is inserted, with different anomalies.
const INSERTIONS: u64 = 2;

/// Patients of phantom sets start here, so that no seed serves two subsets.
const PHANTOM_SPLITS: [u64; 3] = [0, MOST_PHANTOMS as u64, 2 * MOST_PHANTOMS as u64];

/// See the module.
#[derive(Debug)]
pub struct Dataset {
    /// Words for model cards.
    pub description: String,
    /// A hash of what the data is.
    pub digest: String,
    /// Modality of the images.
    pub modality: String,
    /// Unit of their intensities: arbitrary where not all are in HU.
    pub unit: Unit,
    /// Which intensities become -1 and 1; percentiles over the data set as the window that they came to.
    pub normalisation: Normalisation,
    train: Cases,
    validation: Cases,
    test: Cases,
    insertions: u64,
    /// Whether anomalies are inserted.
    inserts: bool,
    /// Whether they are in training.
    inserts_in_training: bool,
    /// Training slices that are normal by themselves.
    normal: Vec<usize>,
    /// Training slices that are normal and abnormal, where batches take as many of either.
    balance: Option<[Vec<usize>; 2]>,
}

impl Dataset {
    /// The data of a protocol for these subsets; `table` where its source is a folder.
    ///
    /// # Errors
    /// When the table has no slice for a subset, or its patients cannot be divided.
    pub fn open(protocol: &Protocol, table: Option<&SliceTable>, subsets: &[Subset]) -> anyhow::Result<Self> {
        match (&protocol.data, table) {
            (DataRecipe::Phantom { train, validation, test }, None) => {
                let counts = [*train, *validation, *test];
                let normalisation = protocol.input.normalisation;
                let Some(window) = Windows::of(normalisation, &[], &[])?.fixed() else {
                    return Err(
                        Error::Usage("input.normalisation: phantoms are in HU; give them a window".into()).into()
                    );
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
                    validation: cases(Subset::Validation),
                    test: cases(Subset::Test),
                    insertions: 1,
                    inserts: true,
                    inserts_in_training: true,
                    balance: None,
                })
            }
            (DataRecipe::Slices { .. }, None) => Err(Error::Usage(format!(
                "{} needs slices: say --data KIND:DIR, for instance slices:DIR",
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
        let assigned = selection.split.assign(table, task)?;
        let left_out = table.patients().iter().filter(|patient| !assigned.contains_key(*patient)).count();
        if left_out > 0 {
            tracing::warn!("{}: {left_out} patients are in no split and are left out", table.name());
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
            let wanted = "one of the two labels, of which balanced batches need both".into();
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
            validation,
            test,
            insertions: if inserts { INSERTIONS } else { 1 },
            inserts,
            inserts_in_training: task.inserts_in_training(),
            balance,
        })
    }

    /// The slices of a slice folder that show neither the organ nor a finding, of the patients for these subsets; other
    /// sources leave such slices out.
    ///
    /// # Errors
    /// When its patients cannot be divided.
    pub fn without_organ(protocol: &Protocol, table: &SliceTable, subsets: &[Subset]) -> Result<Cases, Error> {
        let task = &protocol.task;
        let assigned = protocol.data.selection().1.split.assign(table, task)?;
        let shown =
            |row: &Row| [&task.organ.0, task.finding_labels(), &task.ignore.0].iter().any(|of| row.pixels(of) > 0);
        let rows = table.rows().iter().filter(|row| {
            let for_it = assigned.get(&row.patient).is_some_and(|subset| subsets.contains(subset));
            for_it && !task.organ.0.is_empty() && !shown(row) && row.abnormal.is_none()
        });
        Ok(Cases::normal(rows, &preprocessing(protocol, table, &assigned)?))
    }

    /// Cases for a subset.
    pub fn cases(&self, subset: Subset) -> &Cases {
        match subset {
            Subset::Train => &self.train,
            Subset::Validation => &self.validation,
            Subset::Test => &self.test,
        }
    }

    /// The samples of these subsets, one after the other: the same from the same seed. Slices of a folder are inserted
    /// twice, being few.
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

    /// Training samples: decided by the seed and the step alone, so a resumed training sees the same, whatever the number of
    /// threads.
    ///
    /// # Errors
    /// When a file of a slice cannot be read any more.
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

/// What the slices of a table become.
fn preprocessing(protocol: &Protocol, table: &SliceTable, assigned: &BTreeMap<String, Subset>) -> Result<Arc<Preprocessing>, Error> {
    let (input, task) = (&protocol.input, protocol.task.clone());
    let trained = table.rows().iter().filter(|row| {
        assigned.get(&row.patient) == Some(&Subset::Train) && task.abnormal(row, Subset::Train).is_some()
    });
    let windows = Windows::of(input.normalisation, table.rows(), &trained.collect::<Vec<_>>())?;
    Ok(Arc::new(Preprocessing { grid: input.into(), windows, task }))
}

/// Which training samples are drawn.
#[derive(Clone, Copy, Debug)]
pub struct BatchRequest {
    /// Of the stage.
    pub seed: u64,
    /// Of the stage.
    pub step: u64,
    /// How many.
    pub size: usize,
    /// Only from slices that are normal by themselves.
    pub normal: bool,
}

/// Samples for evaluation, made when they are looked at: a test set never has to fit in memory.
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
    /// How many there are.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Those at these places, each below [`Self::len`], in their order.
    ///
    /// # Errors
    /// When a file of a slice cannot be read any more.
    pub fn at(&self, places: &[usize]) -> Result<Vec<Sample>, Error> {
        places.par_iter().map(|&place| self.sample(self.jobs[place])).collect()
    }

    /// All of them, `size` at a time, each with its place.
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
