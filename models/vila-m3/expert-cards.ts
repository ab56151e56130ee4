/** VILA-M3's list of experts, as its model was trained to read it (`m3/demo/gradio_m3.py: MODEL_CARDS`). */

import type { ExpertCard } from '../family.ts'

/** With what its prompt says of it. */
export interface PromptedExpert extends ExpertCard {
  readonly overview: string
  readonly accuracy: string
  readonly args: string
}

export const EXPERTS: readonly PromptedExpert[] = [
  {
    name: 'BRATS',
    modality: 'MRI',
    task: 'segmentation',
    overview:
      'A pre-trained model for volumetric (3D) segmentation of brain tumor subregions from multimodal MRIs based on BraTS 2018 data',
    accuracy:
      'Tumor core (TC): 0.8559 - Whole tumor (WT): 0.9026 - Enhancing tumor (ET): 0.7905 - Average: 0.8518',
    args: 'None',
  },
  {
    name: 'VISTA3D',
    modality: 'CT',
    task: 'segmentation',
    overview:
      'domain-specialized interactive foundation model developed for segmenting and annotating human anatomies with precision',
    accuracy: '127 organs: 0.792 Dice on average',
    args: "'everything', 'hepatic tumor', 'pancreatic tumor', 'lung tumor', 'bone lesion', 'organs', 'cardiovascular', 'gastrointestinal', 'skeleton', or 'muscles'",
  },
  {
    name: 'VISTA2D',
    modality: 'cell imaging',
    task: 'segmentation',
    overview:
      'model for cell segmentation, which was trained on a variety of cell imaging outputs, including brightfield, phase-contrast, fluorescence, confocal, or electron microscopy',
    accuracy: 'Good accuracy across several cell imaging datasets',
    args: 'None',
  },
  {
    name: 'CXR',
    modality: 'chest x-ray (CXR)',
    task: 'classification',
    overview: 'pre-trained model which are trained on large cohorts of data',
    accuracy: 'Good accuracy across several diverse chest x-rays datasets',
    args: 'None',
  },
]

/** Stands at the beginning of a user's turn that brings a picture. Every line ends in a line break. */
export const EXPERT_CARDS: string = [
  'Here is a list of available expert models:',
  ...EXPERTS.map(
    ({ name, modality, task, overview, accuracy, args }) =>
      `<${name}(args)> Modality: ${modality}, Task: ${task}, Overview: ${overview}, Accuracy: ${accuracy}, Valid args are: ${args}`,
  ),
  'Give the model <NAME(args)> when selecting a suitable expert model.',
]
  .map((line) => `${line}\n`)
  .join('')
