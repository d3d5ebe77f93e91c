using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>grid</c>: pictures to one contact sheet.</summary>
internal static class GridCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("files") { Description = "The pictures, in order.", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("--output", "-o") { Description = "The sheet to write: .png, .jpg or .webp.", HelpName = "file", Required = true };
        var columns = new Option<int>("--columns", "-c") { Description = "Pictures in a row.", HelpName = "n", DefaultValueFactory = _ => 6 };
        var gap = new Option<int>("--gap") { Description = "White pixels between pictures.", HelpName = "pixels", DefaultValueFactory = _ => 4 };
        var command = new Command("grid", "Lays pictures out on one sheet. Example:\n  sd grid apple.png pear.jpg plum.webp --columns 3 --output sheet.png") { files, output, columns, gap };
        command.SetAction(parsed =>
        {
            var path = parsed.GetValue(output)!;
            var kind = PictureFile.KindOf(path);
            var pictures = parsed.GetValue(files)!.Select(file => PictureReader.Read(file)).ToList();
            var sheet = PictureGrid.Arrange(pictures, parsed.GetValue(columns), parsed.GetValue(gap));
            AtomicFile.Write(path, stream => PictureWriter.Write(stream, sheet, kind));
            Console.Out.WriteLine(path);
            return ExitCode.Done;
        });
        return command;
    }
}
