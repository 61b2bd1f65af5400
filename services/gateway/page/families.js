// Which numbers of a journal belong into one chart, and what it is called. Names that nobody knows get a chart of their own.

import { readable } from './format.js';

const TRAINING = [
  ['Adversarial', ['g_adversarial', 'd_adversarial']],
  ['Classification', ['g_classify', 'd_classify', 'classify']],
  ['Reconstruction', ['recon', 'cycle']],
  ['Codes', ['attribute', 'content']],
  ['Prior', ['kl', 'earth_mover']],
  ['Ranking', ['ranking', 'triplet']],
  ['Isometry', ['isometry']],
  ['Perceptual', ['perceptual']],
  ['Learning rate', ['lr']],
  ['Images per second', ['images_per_s']],
  ['Share of waiting', ['wait_share']],
];
const LAST = new Set(['Learning rate', 'Images per second', 'Share of waiting']);

const MEASURES = [
  ['Accuracy', ['accuracy_edited', 'accuracy_all']],
  ['Wanted attribute seen', ['wanted_accuracy_latent', 'wanted_accuracy_reference', 'wanted_accuracy_latent_random']],
  ['Untouched attributes kept', ['untouched_accuracy_latent', 'untouched_accuracy_reference']],
  ['Fréchet inception distance', ['fid_latent', 'fid_reference', 'fid_latent_random']],
  ['Fréchet distance', ['frechet_latent', 'frechet_reference', 'frechet_latent_random']],
  ['Coverage', ['coverage_latent', 'coverage_reference']],
  ['Precision and recall', ['precision_latent', 'recall_latent']],
  ['Diversity', ['lpips_latent', 'diversity_latent']],
  ['Reconstruction, of 255', ['reconstruction_l1_255']],
  ['P@10, average', ['p10.trained.average', 'p10.untrained.average', 'p10.code.average', 'p10.random.average']],
];

/** Losses go on a logarithmic scale, and are smoothed, where that is asked for; rates are not. */
export const isLoss = family => !LAST.has(family.title);

const known = families => new Set(families.flatMap(([, keys]) => keys));

function present(families, names) {
  return families.map(([title, keys]) => ({ title, keys: keys.filter(key => names.has(key)) })).filter(({ keys }) => keys.length);
}

export function trainingFamilies(names) {
  const all = known(TRAINING);
  const others = [...names].filter(name => !all.has(name)).map(name => ({ title: readable(name), keys: [name] }));
  const families = present(TRAINING, names);
  return [...families.filter(isLoss), ...others, ...families.filter(family => !isLoss(family))];
}

export const measureFamilies = names => present(MEASURES, names);
