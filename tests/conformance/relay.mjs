// Lets a client that knows nothing of proxies drive a forward proxy: request lines become absolute-form
// and Host the origin's authority (RFC 9112 §3.2.2); every other byte, both ways, passes as it came.
//
// relay(proxyPort, originAuthority) → { port, close() }
import net from 'node:net'

const END_OF_HEAD = '\r\n\r\n'

class Requests {
  #waiting = Buffer.alloc(0)
  #bodyBytes = 0

  constructor (authority, send) {
    this.authority = authority
    this.send = send
  }

  take (data) {
    this.#waiting = Buffer.concat([this.#waiting, data])
    while (this.#waiting.length > 0 && this.#step()) { /* until more is needed */ }
  }

  #step () {
    if (this.#bodyBytes > 0) {
      const part = this.#waiting.subarray(0, this.#bodyBytes)
      this.#bodyBytes -= part.length
      this.#cut(part.length)
      this.send(part)
      return true
    }
    const end = this.#waiting.indexOf(END_OF_HEAD)
    if (end < 0) return false
    const head = this.#waiting.subarray(0, end).toString('latin1')
    this.#cut(end + END_OF_HEAD.length)
    this.send(Buffer.from(this.#absolute(head) + END_OF_HEAD, 'latin1'))
    return true
  }

  #cut (bytes) {
    this.#waiting = this.#waiting.subarray(bytes)
  }

  #absolute (head) {
    const [line, ...fields] = head.split('\r\n')
    const [method, target, version] = line.split(' ')
    const length = fields.find(field => /^content-length:/i.test(field))
    if (fields.some(field => /^transfer-encoding:/i.test(field))) throw new Error('a chunked request')
    this.#bodyBytes = length ? Number(length.split(':')[1]) : 0
    const hosted = fields.map(field => /^host:/i.test(field) ? `Host: ${this.authority}` : field)
    return [`${method} http://${this.authority}${target} ${version}`, ...hosted].join('\r\n')
  }
}

export function relay (proxyPort, authority) {
  const server = net.createServer(client => {
    const proxy = net.connect(proxyPort, '127.0.0.1')
    const requests = new Requests(authority, bytes => proxy.write(bytes))
    const end = () => { client.destroy(); proxy.destroy() }
    client.on('data', data => requests.take(data)).on('close', end).on('error', end)
    proxy.on('data', data => client.write(data)).on('error', end)
    proxy.on('end', () => client.end()).on('close', () => client.end())
  })
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ port: server.address().port, close: () => server.close() })
    })
  })
}
