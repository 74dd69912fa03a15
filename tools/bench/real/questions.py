"""Questions that SmolLM2 answers at length, with a word that a right answer contains."""

QUESTIONS = {
    "Tell me about the capital of France.": "Paris",
    "Explain how plants use sunlight to grow.": "photosynthesis",
    "Who wrote Romeo and Juliet, and what is the play about?": "Shakespeare",
    "Which planet is known as the red planet, and why?": "Mars",
    "What is the largest ocean on Earth? Describe it.": "Pacific",
    "Describe what bees make, and how.": "honey",
    "What is the chemical formula of water? Explain it.": "H2O",
    "Tell me about the capital of Japan.": "Tokyo",
    "Who painted the Mona Lisa? Tell me about the painter.": "Leonardo",
    "Which animal is called the king of the jungle? Describe it.": "lion",
    "How many legs does a spider have? Describe a spider.": "eight",
    "Which gas do people breathe in to live? Explain.": "oxygen",
    "Tell me about the capital of Italy.": "Rome",
    "Which instrument has 88 keys? Describe how it works.": "piano",
    "What language is spoken in Brazil? Tell me about it.": "Portuguese",
    "Who was the first president of the United States? Describe his life.": "Washington",
}
