/** `/v1/files`: upload, list, describe, download, delete. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AerieError } from '../../errors.ts'
import type { FileStore, StoredFile } from '../../files/contract.ts'
import { traced } from '../../tracing/trace.ts'
import { parseRange } from '../byte-range.ts'
import type { Contract } from '../contract.ts'
import { describeValue } from '../describe.ts'
import { acceptForms, FORM_BYTES, readFileForm } from '../file-form.ts'
import { downloadHeaders } from '../file-headers.ts'
import { checkBodyHeaders } from '../json-body.ts'
import { acceptNoBody } from '../no-body.ts'
import type { components } from '../openapi.d.ts'
import { fromQueryText, toFileQuery, toNewFile, toWireFile, toWireFileList } from '../wire-files.ts'

interface FileRoutes {
  readonly files: FileStore
  readonly contract: Contract
  readonly maxFileBytes: number
}

/** Of an upload, beside the file. */
const FIELDS = { purpose: 'text', expires_after: 'object' } as const

type Named = FastifyRequest<{ Params: { file_id: string } }>

export async function fileRoutes(app: FastifyInstance, room: FileRoutes): Promise<void> {
  const { files, contract } = room

  await app.register(async (scope) => {
    await acceptForms(scope)
    const config = { longBody: true, bodyType: 'multipart/form-data' }
    scope.post('/v1/files', { config }, (request) => upload(request, room))
  })

  const query = ['after', 'limit', 'order', 'purpose']
  app.get('/v1/files', { config: { query } }, async (request) => {
    const { state } = request
    const wire = contract.check(
      'FileListQuery',
      fromQueryText(request.query as Record<string, unknown>),
    )
    return toWireFileList(await files.list(toFileQuery(wire, state.tenant)))
  })

  app.get('/v1/files/:file_id', async (request: Named) => toWireFile(await find(files, request)))

  app.route({
    method: ['GET', 'HEAD'],
    url: '/v1/files/:file_id/content',
    handler: async (request: Named, reply) =>
      download(files, await find(files, request), request, reply),
  })

  await app.register(async (scope) => {
    acceptNoBody(scope)
    scope.delete('/v1/files/:file_id', async (request: Named) => {
      const { file_id: id } = request.params
      if (!(await files.delete(request.state.tenant, id))) throw noFile(id)
      return { id, object: 'file', deleted: true } satisfies components['schemas']['FileDeleted']
    })
  })
}

async function upload(request: FastifyRequest, { files, contract, maxFileBytes }: FileRoutes) {
  checkBodyHeaders(request)
  const { state, headers } = request
  if (Number(headers['content-length'] ?? 0) > maxFileBytes + FORM_BYTES) {
    const what = `file: expected at most ${maxFileBytes} bytes (maxFileBytes)`
    throw new AerieError('request_too_large', what, { param: 'file' })
  }
  await using room = files.beginUpload(state.tenant)
  const form = await readFileForm(request, FIELDS, (bytes) => room.receive(bytes))
  const wire = contract.check('FileUploadRequest', form)
  const file = await traced('store', {}, () => room.create(toNewFile(wire)))
  state.facts['bytes'] = file.bytes
  return toWireFile(file)
}

async function download(
  files: FileStore,
  file: StoredFile,
  { headers, method }: FastifyRequest,
  reply: FastifyReply,
) {
  const etag = `"${file.sha256}"`
  reply.headers({ ...downloadHeaders(file.filename), etag })
  if (matches(headers['if-none-match'], etag)) return reply.code(304).send()
  const isCurrent = headers['if-range'] === undefined || headers['if-range'] === etag
  const range = isCurrent ? parseRange(headers.range, file.bytes) : undefined
  if (range === 'unsatisfiable') {
    reply.removeHeader('etag').removeHeader('content-disposition')
    reply.header('content-range', `bytes */${file.bytes}`)
    const what = `range: the file has ${file.bytes} bytes, got ${describeValue(headers.range)}`
    throw new AerieError('range_not_satisfiable', what, { param: 'range' })
  }
  if (range) {
    const { start, end } = range
    reply.code(206).header('content-range', `bytes ${start}-${end}/${file.bytes}`)
  }
  reply.header('content-length', range ? range.end - range.start + 1 : file.bytes)
  return reply.send(method === 'HEAD' ? undefined : await files.read(file, range))
}

function matches(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags !== undefined && (tags.includes('*') || tags.includes(etag))
}

async function find(files: FileStore, { params, state }: Named): Promise<StoredFile> {
  const file = await files.find(state.tenant, params.file_id)
  if (!file) throw noFile(params.file_id)
  return file
}

function noFile(id: string): AerieError {
  const what = `no file ${describeValue(id)}; it was deleted, has expired or never was`
  return new AerieError('not_found', what, { param: 'file_id' })
}
