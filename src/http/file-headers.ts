/** Headers under which an uploaded file is handed out: nobody's browser shall run what somebody uploaded. */
import { extname } from 'node:path'

/** By the ending of the name. What a browser would run (HTML, SVG, scripts) is not among them. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.avif': 'image/avif',
  '.gif': 'image/gif',
  '.heic': 'image/heic',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
  '.webp': 'image/webp',
  '.csv': 'text/csv; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.pdf': 'application/pdf',
  '.zip': 'application/zip',
  '.flac': 'audio/flac',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.wav': 'audio/wav',
  '.mkv': 'video/matroska',
  '.mov': 'video/quicktime',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
}

export function downloadHeaders(filename: string): Record<string, string> {
  return {
    'content-type': MEDIA_TYPES[extname(filename).toLowerCase()] ?? 'application/octet-stream',
    'content-disposition': attachment(filename),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    // Shared caches would hand it to others.
    'cache-control': 'private, no-cache',
    'accept-ranges': 'bytes',
  }
}

/** RFC 6266: the name as ASCII for old clients, and as it is (RFC 8187). */
function attachment(filename: string): string {
  const ascii = filename.replace(/[^ -~]|["\\]/g, '_')
  const exact = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${exact}`
}
