-- The load: each request is a new git.push, so that none is a duplicate of another.
--
-- Arguments: the file of the bodies, one a line, which are sent in turn; the target; the Authorization header; the first
-- number; requests per second of this thread, 0 for as many as the answers allow; optionally a file to which the
-- deliveryId of each 200 is appended, and each other status. A body has the marks @number@, @hex12@ and @hex40@ where
-- values of these widths belong.
local ffi = require("ffi")
ffi.cdef "typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int clock, moment* now);"

local thread_count = 0

function setup(thread)
  thread:set("thread_number", thread_count)
  thread_count = thread_count + 1
end

local bodies, number = {}, 0

local function compile(text, head)
  local parts, slots, length, position = { "" }, {}, 0, 1
  while true do
    local first, last, kind = text:find("@(%a+%d*)@", position)
    parts[#parts + 1] = text:sub(position, (first or 0) - 1)
    length = length + #parts[#parts]
    if not first then break end
    parts[#parts + 1] = ""
    slots[#slots + 1] = { #parts, kind }
    length = length + ({ number = 10, hex12 = 12, hex40 = 40 })[kind]
    position = last + 1
  end
  parts[1] = head .. "Content-Length: " .. length .. "\r\n\r\n"
  return { parts = parts, slots = slots }
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local text = file:read("*a")
  file:close()
  local head = "POST " .. arguments[2] .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: VSServices/19.259.36301.1\r\n" ..
    "Accept: application/json\r\nContent-Type: application/json; charset=utf-8\r\nAuthorization: " .. arguments[3] .. "\r\n"
  for body in text:gmatch("[^\n]+") do bodies[#bodies + 1] = compile(body, head) end
  number = tonumber(arguments[4]) + thread_number * 20000000
  local rate = tonumber(arguments[5])
  if rate > 0 then keep_to(rate) end
  if arguments[6] then note_answers(arguments[6]) end
end

-- wrk calls response() once there is such a function.
function note_answers(path)
  local file = assert(io.open(path, "ab"))
  file:setvbuf("no")
  function response(status, _, body)
    file:write((status == 200 and body:match('"deliveryId":"([^"]+)"') or status) .. "\n")
  end
end

-- wrk asks for a delay() before each request once there is such a function.
function keep_to(rate)
  local now = ffi.new("moment")
  local function milliseconds()
    ffi.C.clock_gettime(1, now)
    return tonumber(now.seconds) * 1000 + tonumber(now.nanoseconds) / 1e6
  end
  local slot = milliseconds()
  function delay()
    local current = milliseconds()
    -- After a pause no more than a second's worth is made up for.
    slot = math.max(slot + 1000 / rate, current - 1000)
    return math.max(0, math.floor(slot - current + 0.5))
  end
end

function request()
  number = number + 1
  local body = bodies[number % #bodies + 1]
  local parts = body.parts
  local values = {
    number = string.format("%010d", number),
    hex12 = string.format("%012x", number),
  }
  values.hex40 = values.hex12 .. "7b0c5dd1a2e34f96a8" .. values.number
  for _, slot in ipairs(body.slots) do parts[slot[1]] = values[slot[2]] end
  return table.concat(parts)
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50":%.1f,"p90":%.1f,"p99":%.1f,"p999":%.1f,"max":%.1f,' ..
    '"errors":{"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency:percentile(99.9), latency.max, errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
