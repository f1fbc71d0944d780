package emostream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import peers.Layout;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.Response;

/** Where EmoStream leaves its entries: three of the six keys of a conversation, src/EmoStream.Timeline/RedisKeys.cs. */
public final class EmoStreamLayout implements Layout {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] SAME = {"conversationId", "utteranceId", "revision", "change", "speakerId", "startMs", "endMs", "label"};
    private static final double FLOAT32 = 1e-6; // the peers compute with 64 bits, a model with 32

    private static String key(String conversation, String part) { return "emostream:{" + conversation + "}:" + part; }

    public Response<Boolean> exists(Pipeline p, String conversation, String utterance) { return p.hexists(key(conversation, "entries"), utterance); }

    public View read(Jedis j, String conversation) {
        var p = j.pipelined();
        var entries = p.hgetAll(key(conversation, "entries").getBytes());
        var order = p.zrange(key(conversation, "order"), 0, -1);
        var feed = p.zrange(key(conversation, "feed"), 0, -1);
        p.sync();
        var byId = new HashMap<String, byte[]>();
        entries.get().forEach((id, json) -> byId.put(new String(id), json));
        return new View(byId, order.get(), feed.get());
    }

    @Override public boolean right(byte[] expected, byte[] actual) {
        try {
            JsonNode x = JSON.readTree(expected), y = JSON.readTree(actual);
            for (var name : SAME) if (!x.path(name).equals(y.path(name))) return false;
            if (!close(x.path("confidence"), y.path("confidence")) || x.path("probabilities").size() != y.path("probabilities").size()) return false;
            for (var label : x.path("probabilities").properties()) if (!close(label.getValue(), y.path("probabilities").path(label.getKey()))) return false;
            return true;
        } catch (IOException e) { return false; }
    }

    private static boolean close(JsonNode x, JsonNode y) { return y.isNumber() && Math.abs(x.asDouble() - y.asDouble()) < FLOAT32; }
}
