using EmoStream.Testing.Processes;

namespace EmoStream.Testing.Kafka;

/// <summary>Apache's own command-line tools, for what the .NET client cannot ask for and for comparison with the Java client.</summary>
public static class KafkaTools
{
    private static readonly Dictionary<string, string> ApacheScripts = new()
    {
        ["configs"] = "kafka-configs.sh",
        ["produce"] = "kafka-console-producer.sh",
    };

    /// <summary>Why there are none here, for <c>Assert.SkipUnless</c>; null where there are.</summary>
    public static string? Unavailable =>
        KafkaBroker.Unavailable ?? (KafkaDistribution.Found.Bootstrap is null ? null : "needs Kafka's own tools: set KAFKA_HOME instead of KAFKA_BOOTSTRAP");

    /// <summary>Runs a tool to its end; fails with its output when it does.</summary>
    /// <param name="tool">As <c>kafka TOOL</c>: <c>configs</c>, <c>produce</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">What it reads from standard input.</param>
    public static async Task RunAsync(string tool, IReadOnlyList<string> arguments, string input = "")
    {
        var directory = Directory.CreateTempSubdirectory("emostream-kafka-tool-");
        try
        {
            var (file, found) = (Path.Combine(directory.FullName, "input"), KafkaDistribution.Found);
            await File.WriteAllTextAsync(file, input);
            string[] command = found.Script is { } script ? [script, tool] : [Path.Combine(found.ApacheHome!, "bin", ApacheScripts[tool])];
            await using var process = await ChildProcess.StartAsync(
                "/bin/sh", ["-c", "exec \"$@\" <\"$0\"", file, .. command, .. arguments], Path.Combine(directory.FullName, "tool.log"));
            if (await process.WaitForExitAsync() is var status and not 0)
            {
                throw new InvalidOperationException($"kafka {tool} ended with {status}:\n{process.Tail()}");
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
