System.Console.WriteLine("usage: load");
