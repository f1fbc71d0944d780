using EmoStream.Testing.Gateway;
using EmoStream.Testing.Kafka;

[assembly: AssemblyFixture(typeof(KafkaFixture))]
[assembly: AssemblyFixture(typeof(Chromium))]
