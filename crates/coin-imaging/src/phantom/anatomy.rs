//! The random anatomy: shapes in mm around the centre of the field of view, x to the patient's left, y to the back.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Organ;

/// An ellipse with a smoothly irregular outline.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub centre: [f32; 2],
    pub radii: [f32; 2],
    pub angle: f32,
    /// Amplitude and phase of the outline's 2nd to 5th harmonic.
    pub waves: [[f32; 2]; 4],
    pub hu: f32,
    pub organ: Organ,
    pub within: Within,
}

/// Restricts where a shape is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Anywhere,
    /// Only over visceral fat.
    Cavity,
    /// Only over the same organ.
    SameOrgan,
}

impl Shape {
    fn new(organ: Organ, hu: f32, centre: [f32; 2], radii: [f32; 2]) -> Self {
        Self { centre, radii, angle: 0.0, waves: [[0.0; 2]; 4], hu, organ, within: Within::Anywhere }
    }

    fn turned(mut self, degrees: f32) -> Self {
        self.angle = degrees.to_radians();
        self
    }

    fn within(mut self, within: Within) -> Self {
        self.within = within;
        self
    }

    /// A copy with radii reduced by `by` mm.
    fn shrunk(&self, by: f32, hu: f32) -> Self {
        let radii = self.radii.map(|radius| (radius - by).max(0.5));
        Self { radii, hu, ..self.clone() }
    }

    /// Half the size of a square around the centre that contains the shape.
    pub fn reach(&self) -> f32 {
        let waves: f32 = self.waves.iter().map(|wave| wave[0].abs()).sum();
        self.radii[0].max(self.radii[1]) * (1.0 + waves)
    }

    pub fn contains(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let (sin, cos) = self.angle.sin_cos();
        let u = (dx * cos + dy * sin) / self.radii[0];
        let v = (dy * cos - dx * sin) / self.radii[1];
        let squared = u * u + v * v;
        if squared < 0.25 {
            return true;
        }
        if squared > 3.0 {
            return false;
        }
        let turn = v.atan2(u);
        let mut edge = 1.0;
        for (harmonic, [amplitude, phase]) in (2..).zip(self.waves) {
            edge += amplitude * (harmonic as f32 * turn + phase).cos();
        }
        squared < edge * edge
    }
}

/// Shapes in painting order, pose and noise.
#[derive(Clone, Debug)]
pub(super) struct Patient {
    pub shapes: Vec<Shape>,
    /// Rotation about the centre, in radians.
    pub tilt: f32,
    pub noise_hu: f32,
    pub noise_seed: u64,
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    fn near(&mut self, value: f32, spread: f32) -> f32 {
        self.between(value - spread, value + spread)
    }

    /// Gives `shape` an irregular outline of roughly this relative amplitude.
    fn irregular(&mut self, mut shape: Shape, amplitude: f32) -> Shape {
        for (wave, share) in shape.waves.iter_mut().zip([1.0, 0.7, 0.45, 0.3]) {
            *wave = [self.between(0.3, 1.0) * amplitude * share, self.between(0.0, std::f32::consts::TAU)];
        }
        shape
    }
}

/// Contrast enhancement of blood and organs, in HU.
struct Phase {
    aorta: f32,
    cava: f32,
    cortex: f32,
    medulla: f32,
    liver: f32,
    spleen: f32,
}

impl Phase {
    /// From late arterial (0) to portal venous and early nephrographic (1).
    fn random(draw: &mut Draw) -> Self {
        let late = draw.between(0.0, 1.0);
        let mix = |early: f32, later: f32| early + (later - early) * late;
        let cortex = draw.near(mix(195.0, 170.0), 12.0);
        Self {
            aorta: draw.near(mix(250.0, 145.0), 15.0),
            cava: draw.near(mix(95.0, 140.0), 12.0),
            cortex,
            medulla: draw.near(mix(85.0, cortex - 8.0), 6.0),
            liver: draw.near(mix(75.0, 110.0), 10.0),
            spleen: draw.near(mix(125.0, 120.0), 8.0),
        }
    }
}

impl Patient {
    pub fn random(seed: u64) -> Self {
        let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
        let half_width = draw.between(145.0, 180.0);
        let half_depth = half_width * draw.between(0.64, 0.76);
        let fat = draw.between(9.0, 28.0);
        let phase = Phase::random(&mut draw);
        let body = Body { middle: -12.0, half_width, half_depth, fat, wall: draw.between(9.0, 13.0) };

        let mut shapes = Vec::with_capacity(160);
        body.table(&mut shapes);
        body.outline(&mut draw, &mut shapes);
        body.ribs(&mut draw, &mut shapes);
        let spine = body.spine(&mut draw, &mut shapes);
        body.great_vessels(&mut draw, spine, &phase, &mut shapes);
        for side in [-1.0, 1.0] {
            body.kidney(&mut draw, side, spine, &phase, &mut shapes);
        }
        body.liver(&mut draw, &phase, &mut shapes);
        body.spleen(&mut draw, &phase, &mut shapes);
        body.bowel(&mut draw, &mut shapes);
        body.mesentery(&mut draw, &phase, &mut shapes);
        Self {
            shapes,
            tilt: draw.near(0.0, 5.0).to_radians(),
            noise_hu: draw.between(8.0, 16.0),
            noise_seed: draw.0.random(),
        }
    }
}

/// Proportions of the trunk, which position everything in it.
struct Body {
    middle: f32,
    half_width: f32,
    half_depth: f32,
    fat: f32,
    wall: f32,
}

impl Body {
    /// Radii of the cavity inside fat and muscle.
    fn cavity(&self) -> [f32; 2] {
        let shell = self.fat + self.wall;
        [self.half_width - shell, self.half_depth - shell * 0.85]
    }

    /// A point in the cavity; u and v run from -1 (right, front) to 1 (left, back).
    fn place(&self, u: f32, v: f32) -> [f32; 2] {
        let [a, b] = self.cavity();
        [u * a, self.middle + v * b]
    }

    fn table(&self, shapes: &mut Vec<Shape>) {
        let top = self.middle + self.half_depth;
        let table = Shape::new(Organ::Outside, -120.0, [0.0, top + 24.0], [210.0, 24.0]);
        shapes.push(table.clone());
        shapes.push(Shape { centre: [0.0, top + 25.0], ..table.shrunk(3.0, -880.0) });
    }

    fn outline(&self, draw: &mut Draw, shapes: &mut Vec<Shape>) {
        let skin = Shape::new(Organ::SubcutaneousFat, 10.0, [0.0, self.middle], [self.half_width, self.half_depth]);
        let skin = draw.irregular(skin, 0.02);
        shapes.push(skin.clone());
        shapes.push(skin.shrunk(2.0, draw.near(-105.0, 6.0)));
        let [a, b] = self.cavity();
        let wall = skin.shrunk(self.fat, draw.near(55.0, 6.0));
        let wall = Shape { organ: Organ::Muscle, radii: [a + self.wall, b + self.wall * 0.85], ..wall };
        shapes.push(wall.clone());
        let cavity = Shape { organ: Organ::VisceralFat, radii: [a, b], ..wall.shrunk(0.0, draw.near(-98.0, 6.0)) };
        shapes.push(cavity);
        // Back muscles fill the wall beside the spine.
        for side in [-1.0, 1.0] {
            let centre = [side * 36.0, self.middle + self.half_depth - self.fat * 0.8 - 26.0];
            let back = Shape::new(Organ::Muscle, draw.near(52.0, 6.0), centre, [33.0, 21.0]).turned(side * 12.0);
            shapes.push(draw.irregular(back, 0.04));
        }
    }

    fn ribs(&self, draw: &mut Draw, shapes: &mut Vec<Shape>) {
        let [a, b] = self.cavity();
        let start = draw.between(0.0, 0.3);
        for side in [-1.0f32, 1.0] {
            for i in 0..4 {
                let turn = -0.45 + start + 0.42 * i as f32 + draw.near(0.0, 0.05);
                let (sin, cos) = turn.sin_cos();
                let centre = [side * cos * (a + self.wall * 0.5), self.middle + sin * (b + self.wall * 0.45)];
                let along = (cos * b).atan2(-sin * a * side).to_degrees();
                let rib = Shape::new(Organ::Bone, draw.between(380.0, 560.0), centre, [draw.between(7.0, 12.0), 4.2]);
                let rib = rib.turned(along);
                shapes.push(rib.clone());
                shapes.push(rib.shrunk(1.7, draw.between(120.0, 220.0)));
            }
        }
    }

    /// Vertebra and psoas muscles; returns the centre of the vertebral body.
    fn spine(&self, draw: &mut Draw, shapes: &mut Vec<Shape>) -> [f32; 2] {
        let centre = [draw.near(0.0, 3.0), self.middle + self.half_depth - self.fat * 0.8 - 62.0];
        let at = |dx: f32, dy: f32| [centre[0] + dx, centre[1] + dy];
        let marrow = draw.between(130.0, 210.0);
        let cortical = draw.between(420.0, 620.0);
        for side in [-1.0, 1.0] {
            let psoas = Shape::new(Organ::Muscle, draw.near(58.0, 5.0), at(side * 31.0, 7.0), [13.0, 17.0]);
            shapes.push(draw.irregular(psoas.turned(side * -15.0), 0.05));
        }
        let process = |dx: f32, dy: f32, radii: [f32; 2], turn: f32| {
            Shape::new(Organ::Bone, cortical * 0.8, at(dx, dy), radii).turned(turn)
        };
        let arch = [
            process(0.0, 46.0, [4.0, 15.0], 0.0),
            process(-28.0, 26.0, [17.0, 4.0], 12.0),
            process(28.0, 26.0, [17.0, 4.0], -12.0),
            process(0.0, 24.0, [17.0, 14.0], 0.0),
        ];
        for bone in &arch {
            shapes.push(bone.clone());
            shapes.push(bone.shrunk(2.2, marrow * 1.2));
        }
        let body = Shape::new(Organ::Bone, cortical, centre, [draw.between(20.0, 24.0), draw.between(15.0, 18.0)]);
        let body = draw.irregular(body, 0.025);
        shapes.push(body.clone());
        shapes.push(body.shrunk(2.0, marrow));
        shapes.push(Shape::new(Organ::Muscle, -20.0, at(0.0, 24.0), [10.5, 8.5]));
        shapes.push(Shape::new(Organ::Muscle, 32.0, at(0.0, 24.0), [7.5, 6.5]));
        centre
    }

    fn great_vessels(&self, draw: &mut Draw, spine: [f32; 2], phase: &Phase, shapes: &mut Vec<Shape>) {
        let aorta = [spine[0] + draw.near(9.0, 4.0), spine[1] - draw.near(30.0, 2.0)];
        let radius = draw.between(9.0, 12.5);
        let wall = Shape::new(Organ::Vessel, 60.0, aorta, [radius + 1.2; 2]);
        shapes.push(wall.clone());
        shapes.push(wall.shrunk(1.2, phase.aorta));
        if draw.between(0.0, 1.0) < 0.3 {
            let plaque = [aorta[0] + radius * 0.9, aorta[1] + draw.near(0.0, 4.0)];
            shapes.push(Shape::new(Organ::Vessel, 480.0, plaque, [1.6, 3.2]));
        }
        let cava = [spine[0] - draw.near(21.0, 4.0), spine[1] - draw.near(27.0, 3.0)];
        let cava = Shape::new(Organ::Vessel, phase.cava, cava, [draw.between(11.0, 15.0), draw.between(7.0, 11.0)]);
        shapes.push(draw.irregular(cava, 0.05));
    }

    fn kidney(&self, draw: &mut Draw, side: f32, spine: [f32; 2], phase: &Phase, shapes: &mut Vec<Shape>) {
        let [a, _] = self.cavity();
        let radii = [draw.between(24.0, 29.0), draw.between(28.0, 34.0)];
        let out = (37.0 + radii[0] + draw.between(2.0, 10.0)).min(a - radii[0] - 3.0);
        let centre = [spine[0] + side * out, spine[1] - draw.between(-2.0, 12.0)];
        let angle = side * -draw.between(15.0, 35.0);
        let outline = Shape::new(Organ::Kidney, phase.cortex, centre, radii).turned(angle);
        let kidney = draw.irregular(outline, 0.035);
        shapes.push(kidney.clone());
        let (sin, cos) = angle.to_radians().sin_cos();
        let at = |dx: f32, dy: f32| [centre[0] + dx * cos - dy * sin, centre[1] + dx * sin + dy * cos];
        // Pyramids point from the cortex to the sinus on the medial side.
        for i in 0..7 {
            let turn = (i as f32 - 3.0) * 0.72 + draw.near(0.0, 0.1);
            let (dx, dy) = (side * turn.cos() * radii[0] * 0.58, turn.sin() * radii[1] * 0.58);
            let pyramid = Shape::new(Organ::Kidney, phase.medulla, at(dx, dy), [radii[0] * 0.19, radii[1] * 0.15]);
            let pyramid = pyramid.turned(angle + (dy.atan2(dx)).to_degrees());
            shapes.push(draw.irregular(pyramid, 0.06).within(Within::SameOrgan));
        }
        let sinus = at(-side * radii[0] * 0.42, 0.0);
        let fat = Shape::new(Organ::Kidney, draw.near(-75.0, 12.0), sinus, [radii[0] * 0.52, radii[1] * 0.3]);
        shapes.push(draw.irregular(fat.turned(angle), 0.1));
        let hilum =
            Shape::new(Organ::VisceralFat, -95.0, at(-side * radii[0] * 1.02, 0.0), [radii[0] * 0.3, radii[1] * 0.24]);
        shapes.push(hilum.turned(angle));
        let pelvis = at(-side * radii[0] * 0.5, draw.near(0.0, 2.0));
        shapes.push(Shape::new(Organ::Kidney, draw.near(12.0, 6.0), pelvis, [radii[0] * 0.24, 3.2]).turned(angle));
        let vein = at(-side * radii[0] * 0.75, draw.near(-5.0, 2.0));
        shapes.push(Shape::new(Organ::Vessel, phase.cava, vein, [radii[0] * 0.55, 2.6]).turned(angle));
    }

    fn liver(&self, draw: &mut Draw, phase: &Phase, shapes: &mut Vec<Shape>) {
        let [a, b] = self.cavity();
        let reach = draw.between(0.34, 0.46);
        let right = Shape::new(Organ::Liver, phase.liver, self.place(-0.68, -0.12), [a * reach, b * 0.66]);
        let right = right.turned(draw.near(8.0, 6.0));
        let right = draw.irregular(right, 0.05).within(Within::Cavity);
        shapes.push(right);
        let left = draw.between(0.2, 0.42);
        let lobe = Shape::new(Organ::Liver, phase.liver, self.place(-0.28, -0.62), [a * left, b * 0.26]);
        shapes.push(draw.irregular(lobe.turned(-8.0), 0.06).within(Within::Cavity));
        for _ in 0..12 {
            let (u, v) = (draw.near(-0.6, 0.28), draw.near(-0.18, 0.42));
            let radii = [draw.between(2.5, 8.0), draw.between(1.6, 3.0)];
            let vessel =
                Shape::new(Organ::Liver, phase.liver + (phase.cava - phase.liver) * 0.7, self.place(u, v), radii);
            shapes.push(vessel.turned(draw.between(0.0, 180.0)).within(Within::SameOrgan));
        }
        if draw.between(0.0, 1.0) < 0.5 {
            let bladder = Shape::new(Organ::Bowel, draw.near(8.0, 5.0), self.place(-0.36, -0.36), [15.0, 19.0]);
            shapes.push(draw.irregular(bladder, 0.05));
        }
    }

    fn spleen(&self, draw: &mut Draw, phase: &Phase, shapes: &mut Vec<Shape>) {
        let [a, b] = self.cavity();
        let size = draw.between(0.8, 1.15);
        let spleen =
            Shape::new(Organ::Spleen, phase.spleen, self.place(0.82, 0.06), [a * 0.17 * size, b * 0.42 * size]);
        let spleen = spleen.turned(draw.near(-14.0, 8.0));
        shapes.push(draw.irregular(spleen, 0.06).within(Within::Cavity));
    }

    fn bowel(&self, draw: &mut Draw, shapes: &mut Vec<Shape>) {
        let stomach = (draw.near(0.36, 0.1), draw.near(-0.5, 0.08), draw.between(30.0, 44.0), draw.between(22.0, 30.0));
        let mut loops = vec![stomach];
        for _ in 0..9 {
            let radius = draw.between(9.0, 16.0);
            loops.push((draw.near(0.18, 0.55), draw.near(-0.42, 0.42), radius * draw.between(1.0, 1.5), radius));
        }
        loops.push((0.74, -0.28, draw.between(14.0, 20.0), draw.between(14.0, 22.0)));
        for (u, v, wide, deep) in loops {
            let wall = Shape::new(Organ::Bowel, draw.near(75.0, 12.0), self.place(u, v), [wide, deep]);
            let wall = wall.turned(draw.near(0.0, 30.0));
            let wall = draw.irregular(wall, 0.08).within(Within::Cavity);
            let content = wall.shrunk(2.6, draw.between(8.0, 45.0)).within(Within::SameOrgan);
            let gas = draw.between(0.0, 1.0) < 0.45;
            shapes.push(wall);
            shapes.push(content.clone());
            if gas {
                // Gas rises to the front in a supine patient.
                let depth = draw.between(0.25, 0.7);
                let bubble = Shape {
                    centre: [content.centre[0], content.centre[1] - content.radii[1] * (1.0 - depth) * 0.75],
                    radii: [content.radii[0] * 0.85, content.radii[1] * depth],
                    angle: 0.0,
                    hu: -930.0,
                    ..content
                };
                shapes.push(bubble);
            }
        }
    }

    fn mesentery(&self, draw: &mut Draw, phase: &Phase, shapes: &mut Vec<Shape>) {
        for _ in 0..34 {
            let centre = self.place(draw.near(0.1, 0.65), draw.near(-0.3, 0.6));
            let radii = [draw.between(1.4, 4.5), draw.between(1.2, 2.4)];
            let vessel = Shape::new(Organ::Vessel, draw.near(phase.cava, 20.0), centre, radii);
            shapes.push(vessel.turned(draw.between(0.0, 180.0)).within(Within::Cavity));
        }
    }
}
