return await EmoStream.Cli.CommandLine.RunAsync(args, Console.Out, Console.Error);
