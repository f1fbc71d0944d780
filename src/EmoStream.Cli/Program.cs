return await EmoStream.Cli.CommandTree.RunAsync(args, Console.Out, Console.Error);
