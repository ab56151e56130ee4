/** A program of its own: holds an encoder, or one of its towers, and runs it whenever it is told to. */
import { type EncoderJob, encoderRunner, towerRunner } from './encoder-runners.ts'
import { serveMeasured } from './measured-program.ts'

await serveMeasured((job: EncoderJob) =>
  job.stage === undefined ? encoderRunner(job) : towerRunner(job, job.stage),
)
