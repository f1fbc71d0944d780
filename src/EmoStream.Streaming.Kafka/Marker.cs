namespace EmoStream.Streaming.Kafka; internal static class Marker;
