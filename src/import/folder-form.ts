/** A checkpoint as the hub has it: a folder with a config, a tokenizer and safetensors. */
import { join } from 'node:path'
import { loadModelConfig, type ModelConfig } from '../../models/load-config.ts'
import { AerieError } from '../errors.ts'
import { Checkpoint } from '../weights/checkpoint.ts'
import { type CheckpointForm, type ExaminedWeights, examineTensors } from './examine.ts'
import { readLicense } from './license.ts'
import { refusePickles, sourceFile, surveyFolder } from './survey.ts'

export function folderForm(directory: string): CheckpointForm {
  return {
    path: directory,
    config: () => loadModelConfig(directory),
    smallFiles: (config) => surveyFolder(directory, familyFolders(config), config.configFiles),
    weights: (config) => folderWeights(directory, config),
    license: () => readLicense(directory),
  }
}

/** Sub-folders that the family reads. */
export function familyFolders({ family }: ModelConfig): string[] {
  return [...(family.weightFolders ?? []), ...(family.textFolder ? [family.textFolder] : [])]
}

async function folderWeights(directory: string, config: ModelConfig): Promise<ExaminedWeights> {
  const { weightFolders } = config.family
  await refusePickles(directory, weightFolders ?? [])
  await using checkpoint = weightFolders
    ? await Checkpoint.openParts(directory, weightFolders)
    : await Checkpoint.open(directory)
  const files = await Promise.all(
    checkpoint.files.map(async ({ name }) => {
      const file = await sourceFile(directory, name)
      if (!file) throw new AerieError('invalid_package', `${join(directory, name)} is gone`)
      return file
    }),
  )
  return examineTensors(config, [...checkpoint.tensors.values()], files)
}
