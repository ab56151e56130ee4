/** The keys of uploaded files and of where they are kept. */
import { Type } from 'typebox'
import { bytes, count, flag, KiB, MiB } from './config-key.ts'

export const fileKeys = {
  dataDir: Type.String({
    minLength: 1,
    group: 'Files',
    defaultText: '~/.aerie/data',
    description:
      'Directory of uploaded files, on a disk of this machine; servers of one machine may share it.',
  }),
  maxFileBytes: bytes(512 * MiB, 'Files', 'Size of one uploaded file.'),
  maxFilesBytes: bytes(
    32 * 1024 * MiB,
    'Files',
    'Size of all uploaded files together; 0 takes none and writes nothing.',
    0,
  ),
  maxTenantFilesBytes: Type.Optional(
    Type.Integer({
      minimum: KiB,
      group: 'Files',
      unit: 'bytes',
      defaultText: 'that of maxFilesBytes',
      description: 'Size of the uploaded files of one API key together.',
    }),
  ),
  maxFileUploads: count(32, 'Files', 'Uploads at one time; beyond it the answer is 429.'),
  databaseUrl: Type.Optional(
    Type.String({
      minLength: 1,
      group: 'Files',
      defaultText: 'SQLite in dataDir',
      writeOnly: true,
      description:
        'PostgreSQL for several replicas, `postgres://…`; needs objectStore. Holds a password, so give it in the environment.',
    }),
  ),
  databaseConnections: count(
    10,
    'Files',
    'Connections to it at most, for files, and as many for batches and for responses each.',
  ),
  objectStore: Type.Optional(
    Type.String({
      minLength: 1,
      group: 'Files',
      defaultText: 'a folder in dataDir',
      description:
        'Bucket for the bytes, `s3://bucket/prefix`; needs databaseUrl. Credentials are found as by any program of AWS.',
    }),
  ),
  objectStoreEndpoint: Type.Optional(
    Type.String({
      minLength: 1,
      group: 'Files',
      defaultText: "Amazon's",
      description: 'URL of another server that speaks S3.',
    }),
  ),
  objectStoreRegion: Type.Optional(
    Type.String({
      minLength: 1,
      group: 'Files',
      defaultText: 'as AWS_REGION says; us-east-1 with an endpoint',
      description: 'Region of the bucket.',
    }),
  ),
  objectStorePathStyle: flag(
    false,
    'Files',
    "The bucket's name stands in the path of URLs and not in the host's name, as most servers but Amazon's need it.",
  ),
  objectCacheBytes: bytes(
    8 * 1024 * MiB,
    'Files',
    'Size of the copies of objects in dataDir, from which pictures and clips are decoded.',
  ),
}
