-- keyctl behind HAProxy, part 2 of 3: asks keyctl, passes a denial on, and says in variables what the answer was.
--
-- This admits nobody: keyctl.cfg does, where txn.keyctl_code is "ok". Where this ends without an answer, or fails, it is 503 there.
-- The question goes to a socket of HAProxy's own, so that the address, timeouts and connections of keyctl are those of keyctl.cfg.

-- What keyctl.cfg and the log read: X-Keyctl-Key-Id becomes txn.keyctl_x_keyctl_key_id.
local TOLD = {
    "x-keyctl-status", "x-keyctl-account", "x-keyctl-key-id", "x-keyctl-environment", "x-keyctl-tier", "x-keyctl-limited-by",
    "x-keyctl-debit-id", "x-credits-consumed", "x-credits-available", "ratelimit", "ratelimit-policy",
}

-- What a denied client gets besides.
local PASSED_ON = { "retry-after", "www-authenticate", "x-keyctl-code", "x-keyctl-limited-by" }

-- One line for each X-API-Key of the client, so that keyctl sees it when there are two. No byte of a key may end its line.
local function key_lines(txn)
    local lines = {}
    for _, value in pairs(txn.http:req_get_headers()["x-api-key"] or {}) do
        lines[#lines + 1] = "X-API-Key: " .. value:gsub("[^\x20-\x7e]", "?") .. "\r\n"
    end
    return table.concat(lines)
end

local function question(txn)
    return "GET /verify/" .. (txn:get_var("txn.keyctl_service") or "default") .. " HTTP/1.1\r\nHost: keyctl\r\nConnection: close\r\n"
        .. "X-Request-Id: " .. txn:get_var("txn.keyctl_request_id") .. "\r\n"
        .. "X-Forwarded-For: " .. txn.sf:src() .. "\r\n"
        .. key_lines(txn) .. "\r\n"
end

-- The whole answer as text, or nil.
local function ask(text)
    local socket = core.tcp()
    socket:settimeout(6)
    local answer = nil
    if socket:connect("abns@keyctl") and socket:send(text) then
        answer = socket:receive("*a")
    end
    socket:close()
    return answer
end

-- The status, the headers by their names in lower case, and the body; nil if the answer is not whole.
local function parse(answer)
    local status, head, body = answer:match("^HTTP/1%.1 (%d%d%d)[^\r\n]*\r\n(.-\r\n)\r\n(.*)$")
    if not status then
        return nil
    end
    local headers = {}
    for name, value in head:gmatch("([^:\r\n]+): *([^\r\n]*)\r\n") do
        headers[name:lower()] = value
    end
    if #body ~= tonumber(headers["content-length"]) then
        return nil
    end
    return tonumber(status), headers, body
end

local function deny(txn, status, headers, body)
    local reply = txn:reply({ status = status })
    reply:add_header("content-type", headers["content-type"] or "text/plain")
    reply:add_header("cache-control", "no-store")
    for _, name in ipairs(PASSED_ON) do
        if headers[name] then
            reply:add_header(name, headers[name])
        end
    end
    reply:set_body(body)
    txn:done(reply)
end

core.register_action("keyctl", { "http-req" }, function(txn)
    local status, headers, body = parse(ask(question(txn)) or "")
    local code = status and headers["x-keyctl-code"]
    -- Somebody may have answered who gives no verdicts.
    if not code or (code == "ok") ~= (status == 200) then
        return
    end
    for _, name in ipairs(TOLD) do
        if headers[name] then
            txn:set_var("txn.keyctl_" .. name:gsub("-", "_"), headers[name])
        end
    end
    -- Last of all: "ok" is what admits.
    txn:set_var("txn.keyctl_code", code)
    if code ~= "ok" then
        deny(txn, status, headers, body)
    end
end)
