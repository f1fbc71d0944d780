using System.Globalization;
using EmoStream.Benchmarks.Inference;

switch (args)
{
    case ["inference", var bundle, var file]:
        ScoringBenchmark.Run(bundle, file, threads: 1);
        break;
    case ["inference", var bundle, var file, var threads]:
        ScoringBenchmark.Run(bundle, file, int.Parse(threads, CultureInfo.InvariantCulture));
        break;
    default:
        Console.Error.WriteLine("usage: inference BUNDLE FILE [THREADS]");
        return 2;
}

return 0;
