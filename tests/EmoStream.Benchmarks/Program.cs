using EmoStream.Benchmarks.Timeline;

switch (args)
{
    case ["timeline"]:
        await TimelineBenchmark.RunAsync();
        break;
    default:
        Console.Error.WriteLine("usage: timeline");
        return 2;
}

return 0;
