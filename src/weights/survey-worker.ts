/** Worker thread that opens a model's weights and says what they are as a whole: headers of many tensors take a second to check. */
import { answerTask } from '../task-thread.ts'
import { Checkpoint } from './checkpoint.ts'
import { surveyWeights, type WeightSurvey } from './weight-survey.ts'

/** What the thread is asked. */
export interface SurveyTask {
  readonly path: string
  /** Of a family whose weights lie in folders of their own. */
  readonly weightFolders: readonly string[] | undefined
}

await answerTask(async ({ path, weightFolders }: SurveyTask): Promise<WeightSurvey> => {
  await using checkpoint = weightFolders
    ? await Checkpoint.openParts(path, weightFolders)
    : await Checkpoint.open(path)
  return surveyWeights(checkpoint.tensors.values())
})
