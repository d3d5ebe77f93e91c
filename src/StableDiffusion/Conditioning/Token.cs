namespace StableDiffusion;

/// <summary>A piece of a prompt as the text encoder knows it.</summary>
/// <param name="Id">Its number in the vocabulary.</param>
/// <param name="Start">Where in the text the first character that it stands for begins, in UTF-16 units.</param>
internal readonly record struct Token(int Id, int Start);
