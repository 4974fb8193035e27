-- routeMessages: messages of one sender to many followers, with one publish to each node that holds some of them. One that
-- finds no live session, or a node without a receiver, is answered with 0: it is for `routeMessage`, which says why. Only
-- where the keys of all followers are on one server.
-- KEYS 1.. session
-- ARGV 1 senderId 2 nodeChannelPrefix 3.. for each key ' <messageId> <length of the frame in UTF-16 units> <identifier>' LF frame
-- Returns {'routed', nodes, then the ids of the nodes, then for each message the place of its node among them or 0}
local sessions = {}
local nodes = {}
local texts = {}
local places = {}
local route = {}
for i = 1, #KEYS do
  local session = sessions[KEYS[i]]
  if not session then
    session = redis.call('HMGET', KEYS[i], 'epoch', 'nodeId', 'status')
    sessions[KEYS[i]] = session
  end
  local place = 0
  if session[1] and session[3] ~= 'offline' then
    local node = session[2]
    place = places[node]
    if not place then
      place = #nodes + 1
      nodes[place] = node
      places[node] = place
      texts[place] = { 'b ', ARGV[1], '\n' }
    end
    local text = texts[place]
    local size = #text
    text[size + 1] = session[1]
    text[size + 2] = ARGV[i + 2]
  end
  route[i] = place
end
local heard = { [0] = 0 }
local reply = { 'routed', #nodes }
for place, node in ipairs(nodes) do
  reply[place + 2] = node
  heard[place] = redis.call('PUBLISH', ARGV[2] .. node, table.concat(texts[place])) > 0 and place or 0
end
local before = #nodes + 2
for i = 1, #route do
  reply[before + i] = heard[route[i]]
end
return reply
