using EmoStream.Testing.Kafka;

[assembly: AssemblyFixture(typeof(KafkaFixture))]
