using Confluent.Kafka;
using EmoStream.Testing;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Processes;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>The sample in the provider's README is a program that works, and no other one.</summary>
public sealed class KafkaSampleTests(KafkaFixture kafka)
{
    private const int MostLines = 60;

    [Fact]
    public void Readme_Sample_IsTheProgramThatIsBuilt()
    {
        var readme = File.ReadAllText(Checkout.At("src", "EmoStream.Streaming.Kafka", "README.md"));
        var from = readme.IndexOf("```csharp\n", StringComparison.Ordinal) + "```csharp\n".Length;
        var block = readme[from..readme.IndexOf("```", from, StringComparison.Ordinal)];

        Assert.Equal(File.ReadAllText(Checkout.At("tests", "EmoStream.KafkaSample", "Program.cs")), block);
        Assert.InRange(block.Split('\n').Length, 1, MostLines);
    }

    [Fact]
    public async Task Sample_RecordsOfTwoSensors_CountedBySensor()
    {
        var servers = (await kafka.BrokerAsync()).BootstrapServers;
        var topic = await kafka.CreateTopicAsync(2);
        var logs = Directory.CreateTempSubdirectory("emostream-sample-");
        // .../tests/X/bin/<configuration>/<framework>/
        var output = Path.GetRelativePath(Checkout.At("tests", "EmoStream.IntegrationTests"), AppContext.BaseDirectory);
        string[] arguments = ["--kafka", servers, "--topic", topic, "--siloPort", $"{FreePorts.Take()}", "--gatewayPort", $"{FreePorts.Take()}"];
        await using (var sample = await ChildProcess.StartAsync(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Programs.Find("dotnet") ?? "dotnet",
            [Checkout.At("tests", "EmoStream.KafkaSample", output, "EmoStream.KafkaSample.dll"), .. arguments],
            Path.Combine(logs.FullName, "sample.log")))
        {
            using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = servers, Partitioner = Partitioner.Murmur2Random }).Build();
            foreach (var (sensor, celsius) in ((string, string)[])[("attic", "20.5"), ("cellar", "11"), ("attic", "21.5")])
            {
                producer.Produce(topic, new() { Key = sensor, Value = $$"""{"celsius":{{celsius}}}""" });
            }

            producer.Flush(TestContext.Current.CancellationToken);
            await Eventually.TrueAsync(
                () => sample.Tail().Contains("attic: 2 readings, mean 21", StringComparison.Ordinal) && sample.Tail().Contains("cellar: 1 readings, mean 11", StringComparison.Ordinal),
                () => "the sample counts three readings, but:\n" + sample.Tail());
        }

        logs.Delete(recursive: true);
    }
}
