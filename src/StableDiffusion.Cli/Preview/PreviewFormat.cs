namespace StableDiffusion.Cli;

/// <summary>The ways in which terminals show pictures.</summary>
internal enum PreviewFormat
{
    /// <summary>Two pixels a character: an upper half block in one colour on another. Every terminal shows it.</summary>
    Blocks,

    /// <summary>kitty's graphics protocol (also Ghostty, WezTerm, Konsole).</summary>
    Kitty,

    /// <summary>iTerm2's inline pictures (also WezTerm, mintty, Visual Studio Code).</summary>
    ITerm2,

    /// <summary>DEC's sixels (also xterm, foot, mlterm, Windows Terminal).</summary>
    Sixel,
}
