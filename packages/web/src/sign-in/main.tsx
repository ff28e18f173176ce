// The entry of the page where people sign in: apart from the console, so that whoever is not known loads nothing of it.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { SignIn } from './sign-in.tsx';
import '../styles/tokens.css';
import '../styles/controls.css';
import '../styles/sign-in.css';

createRoot(document.getElementById('page')!).render(<StrictMode><SignIn /></StrictMode>);
